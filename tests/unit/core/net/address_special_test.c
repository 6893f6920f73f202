/* Tests of the special ranges of core/net/address. The rows are written from the RFCs and
 * the IANA registries, not from address_special.def: first and last address of each
 * block, and the neighbours that are ordinary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/net/address.h"

static struct address read_address(const char *text)
{
    struct address a = {0};

    if (!address_parse(span_of(text), &a))
        print_error("%s\n", text != NULL ? text : "nothing");
    assert_true(address_parse(span_of(text), &a));
    return a;
}

static void special(void **state)
{
    static const char *const rows[] = {
        "0.0.0.0", "0.255.255.255",       /* RFC 791 3.2 */
        "10.0.0.0", "10.255.255.255",     /* RFC 1918 */
        "100.64.0.0", "100.127.255.255",  /* RFC 6598 */
        "127.0.0.0", "127.255.255.255",   /* RFC 1122 3.2.1.3 */
        "169.254.0.0", "169.254.255.255", /* RFC 3927 */
        "172.16.0.0", "172.31.255.255",   /* RFC 1918 */
        "192.0.0.0", "192.0.0.255",       /* RFC 6890 */
        "192.0.0.8", "192.0.0.9",         /* RFC 7600, RFC 7723 */
        "192.0.0.10", "192.0.0.170",      /* RFC 8155, RFC 8880 */
        "192.0.2.0", "192.0.2.255",       /* RFC 5737 */
        "192.31.196.0", "192.31.196.255", /* RFC 7535 */
        "192.52.193.0", "192.52.193.255", /* RFC 7450 */
        "192.88.99.0", "192.88.99.255",   /* RFC 7526 */
        "192.168.0.0", "192.168.255.255", /* RFC 1918 */
        "192.175.48.0", "192.175.48.255", /* RFC 7534 */
        "198.18.0.0", "198.19.255.255",   /* RFC 2544 */
        "198.51.100.0", "198.51.100.255", /* RFC 5737 */
        "203.0.113.0", "203.0.113.255",   /* RFC 5737 */
        "224.0.0.0", "239.255.255.255",   /* RFC 5771 */
        "240.0.0.0", "255.255.255.254",   /* RFC 1112 4 */
        "255.255.255.255",                /* RFC 919 7 */
        "::", "::1", "::2",               /* RFC 4291 2.5.2, 2.5.3 */
        "::7f00:1", "::808:808",          /* IPv4-compatible, RFC 4291 2.5.5.1 */
        "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", /* RFC 8215 */
        "100::", "100::ffff:ffff:ffff:ffff",                 /* RFC 6666 */
        "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff",      /* RFC 9780 */
        "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",  /* RFC 2928 */
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",              /* Teredo, RFC 4380 */
        "2001:1::1", "2001:1::2", "2001:1::3",  /* RFC 7723, RFC 8155, RFC 9665 */
        "2001:2::", "2001:3::", "2001:4:112::", /* RFC 5180, RFC 7450, RFC 7535 */
        "2001:10::", "2001:20::", "2001:30::",  /* RFC 4843, RFC 7343, RFC 9374 */
        "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",    /* RFC 3849 */
        "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", /* RFC 7534 */
        "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",        /* RFC 9637 */
        "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",       /* RFC 9602 */
        "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",       /* RFC 4193 */
        "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",       /* RFC 4291 2.5.6 */
        "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",       /* RFC 3879 */
        "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        /* outside 2000::/3, not assigned (RFC 4291 2.4) */
        "200::1", "1000::1", "1fff:ffff::1", "4000::1", "8000::1", "e000::1", "fe00::1",
        /* IPv4 addresses in IPv6 clothes */
        "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:192.168.0.1", "::ffff:255.255.255.255",     /* RFC 4291 2.5.5.2 */
        "64:ff9b::127.0.0.1", "64:ff9b::10.1.2.3",          /* RFC 6052 3.1 */
        "64:ff9b::169.254.169.254", "64:ff9b::0.0.0.0",     /* the same */
        "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:1::1", /* RFC 3056 2 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a = read_address(rows[i]);
        if (!address_is_special(&a))
            print_error("%s is not special\n", rows[i]);
        assert_true(address_is_special(&a));
        assert_non_null(address_special_name(&a));
    }
    const struct address none = {.family = ADDRESS_NONE};
    assert_true(address_is_special(&none));
}

static void ordinary(void **state)
{
    static const char *const rows[] = {
        "1.0.0.0",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.31.195.255",
        "192.31.197.0",
        "192.52.192.255",
        "192.52.194.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.47.255",
        "192.175.49.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2003::1",
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
        "2a00:1450::1",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a = read_address(rows[i]);
        if (address_is_special(&a))
            print_error("%s is %s\n", rows[i], address_special_name(&a));
        assert_null(address_special_name(&a));
    }
}

/* What validation.allow_networks makes of addresses: a network names what it says, in the
 * spelling of either family for mapped addresses, and nothing else. */
static void networks(void **state)
{
    static const struct {
        const char *network;
        const char *address;
        bool has;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"10.0.0.0/8", "64:ff9b::10.0.0.1", false},
        {"10.0.0.0/8", "2002:a00:1::1", false},
        {"10.0.0.0/8", "a00::", false},
        {"::ffff:10.0.0.0/104", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.0/104", "::ffff:11.0.0.1", false},
        {"a00::/8", "10.0.0.1", false},
        {"::/0", "10.0.0.1", false},
        {"::/0", "fd00::1", true},
        {"0.0.0.0/0", "10.0.0.1", true},
        {"0.0.0.0/0", "fd00::1", false},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fc00::1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
        {"::1/128", "::1", true},
        {"::1/128", "::", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address_network n;
        struct address a = read_address(rows[i].address);
        assert_true(address_network_parse(span_of(rows[i].network), &n));
        if (address_network_has(&n, &a) != rows[i].has)
            print_error("%s in %s\n", rows[i].address, rows[i].network);
        assert_int_equal(address_network_has(&n, &a), rows[i].has);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special),
        cmocka_unit_test(ordinary),
        cmocka_unit_test(networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
