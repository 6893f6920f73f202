/* Tests of core/net/address: text in and out, networks, and the special-purpose ranges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "core/net/address.h"

static void reads(void **state)
{
    static const struct {
        const char *text;
        const char *again; /* canonical (RFC 5952); NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.1.1", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.01", NULL},
        {"0300.0.2.1", NULL},
        {"3221225985", NULL},
        {"0xc0.0.2.1", NULL},
        {" 192.0.2.1", NULL},
        {"192.0.2.1 ", NULL},
        {"192.0.2.1:80", NULL},
        {"[::1]", NULL},
        {"::1%lo", NULL},
        {":::", NULL},
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"localhost", NULL},
        {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a = {.port = 7};
        char text[ADDRESS_TEXT_SIZE];
        bool read = address_parse(span_of(rows[i].text), &a);
        if (read != (rows[i].again != NULL))
            print_error("%s\n", rows[i].text);
        assert_int_equal(read, rows[i].again != NULL);
        assert_int_equal(a.port, read ? 0 : 7); /* set on success only */
        if (!read)
            continue;
        address_text(&a, text);
        assert_string_equal(text, rows[i].again);
    }
    struct address a;
    assert_false(address_parse(span_make("192.0.2.1\0x", 11), &a));
}

static void ports(void **state)
{
    static const struct {
        const char *text;
        const char *again; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1:80", "192.0.2.1:80"},
        {"192.0.2.1", "192.0.2.1:53"},
        {"[2001:db8::1]:65535", "[2001:db8::1]:65535"},
        {"[2001:db8::1]", "[2001:db8::1]:53"},
        {"2001:db8::1", "[2001:db8::1]:53"},
        {"192.0.2.1:0", "192.0.2.1:0"},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:+1", NULL},
        {"192.0.2.1:80x", NULL},
        {"[192.0.2.1]:80", NULL},
        {"[::1", NULL},
        {"[::1]80", NULL},
        {"[::1]:", NULL},
        {"[]:80", NULL},
        {":80", NULL},
        {"", NULL},
        {"host:80", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a;
        char text[ADDRESS_TEXT_SIZE];
        bool read = address_parse_with_port(span_of(rows[i].text), 53, &a);
        if (read != (rows[i].again != NULL))
            print_error("%s\n", rows[i].text);
        assert_int_equal(read, rows[i].again != NULL);
        if (!read)
            continue;
        address_text_with_port(&a, text);
        assert_string_equal(text, rows[i].again);
    }
}

static struct address address_of(const char *text)
{
    struct address a;

    assert_true(address_parse_with_port(span_of(text), 0, &a));
    return a;
}

static void networks(void **state)
{
    static const struct {
        const char *text;
        const char *inside;  /* NULL: the network is refused */
        const char *outside; /* NULL: nothing is */
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.1.2.0/23", "10.1.3.255", "10.1.4.0"},
        {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
        {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.1/32", "::ffff:192.0.2.1", "192.0.2.0"},
        {"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        {"::/0", "::1", "192.0.2.1"},
        {"::1", "::1", "::2"},
        {"10.0.0.1/8", NULL, NULL},
        {"10.0.0.0/33", NULL, NULL},
        {"10.0.0.0/", NULL, NULL},
        {"10.0.0.0/-1", NULL, NULL},
        {"10.0.0.0/8/8", NULL, NULL},
        {"2001:db8::1/64", NULL, NULL},
        {"::/129", NULL, NULL},
        {"", NULL, NULL},
        {"/8", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address_network n;
        bool read = address_network_parse(span_of(rows[i].text), &n);
        if (read != (rows[i].inside != NULL))
            print_error("%s\n", rows[i].text);
        assert_int_equal(read, rows[i].inside != NULL);
        if (!read)
            continue;
        struct address in = address_of(rows[i].inside);
        struct address out = address_of(rows[i].outside);
        assert_true(address_network_has(&n, &in));
        assert_false(address_network_has(&n, &out));
    }
    struct address_network n;
    char text[ADDRESS_TEXT_SIZE];
    assert_true(address_network_parse(span_of("2001:DB8::/32"), &n));
    address_network_text(&n, text);
    assert_string_equal(text, "2001:db8::/32");
}

/* The first and the last address of each range, and its neighbours where those are
 * public.
 */
static void specials(void **state)
{
    static const struct {
        const char *address;
        bool special;
    } rows[] = {
        {"0.0.0.0", true},
        {"0.255.255.255", true},
        {"1.0.0.0", false},
        {"9.255.255.255", false},
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"100.63.255.255", false},
        {"100.64.0.0", true},
        {"100.127.255.255", true},
        {"100.128.0.0", false},
        {"126.255.255.255", false},
        {"127.0.0.0", true},
        {"127.255.255.255", true},
        {"128.0.0.0", false},
        {"169.253.255.255", false},
        {"169.254.169.254", true},
        {"169.255.0.0", false},
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.0.0.255", true},
        {"192.0.1.0", false},
        {"192.0.2.255", true},
        {"192.167.255.255", false},
        {"192.168.0.0", true},
        {"192.168.255.255", true},
        {"192.169.0.0", false},
        {"198.17.255.255", false},
        {"198.18.0.0", true},
        {"198.19.255.255", true},
        {"198.20.0.0", false},
        {"198.51.100.1", true},
        {"203.0.113.1", true},
        {"223.255.255.255", false},
        {"224.0.0.0", true},
        {"240.0.0.0", true},
        {"255.255.255.255", true},
        {"::", true},
        {"::1", true},
        {"::2", true}, /* not global unicast */
        {"::ffff:127.0.0.1", true},
        {"::ffff:8.8.8.8", false},
        {"64:ff9b::7f00:1", true},
        {"64:ff9b::808:808", false},
        {"64:ff9b:1::1", true},
        {"100::1", true},
        {"2001::1", true},
        {"2001:1ff:ffff::", true},
        {"2001:200::", false},
        {"2001:db8::1", true},
        {"2001:db9::1", false},
        {"2002:7f00:1::", true},
        {"2002:a00:1::", true},
        {"2002:808:808::", false},
        {"2606:4700::1", false},
        {"3ffe::1", false},
        {"3fff::1", true},
        {"3fff:1000::", false},
        {"4000::", true},
        {"5f00::1", true},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", true},
        {"ff02::1", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a = address_of(rows[i].address);
        if (address_is_special(&a) != rows[i].special)
            print_error("%s\n", rows[i].address);
        assert_int_equal(address_is_special(&a), rows[i].special);
        assert_int_equal(address_special_name(&a) != NULL, rows[i].special);
    }
    const struct address none = {0};
    assert_true(address_is_special(&none));
    struct address link = address_of("169.254.1.1");
    assert_string_equal(address_special_name(&link), "link local");
}

static void kernel(void **state)
{
    static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1]:443"};
    struct sockaddr_storage storage;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct address a = address_of(texts[i]);
        socklen_t size = address_to_sockaddr(&a, &storage);
        assert_int_equal(size, i == 0 ? sizeof(struct sockaddr_in)
                                      : sizeof(struct sockaddr_in6));
        struct address b = address_from_sockaddr((const struct sockaddr *)&storage);
        assert_true(address_equal(&a, &b));
        assert_int_equal(a.port, b.port);
    }
    /* what an IPv6 socket says of an IPv4 peer */
    struct address mapped = address_of("[::ffff:192.0.2.1]:80");
    struct address plain = address_of("192.0.2.1:80");
    (void)address_to_sockaddr(&mapped, &storage);
    struct address b = address_from_sockaddr((const struct sockaddr *)&storage);
    assert_true(address_equal(&b, &plain));
    assert_false(address_equal(&mapped, &plain));
    assert_int_equal(b.port, 80);
    const struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(&storage, &un, sizeof un);
    b = address_from_sockaddr((const struct sockaddr *)&storage);
    assert_int_equal(b.family, ADDRESS_NONE);
    char text[ADDRESS_TEXT_SIZE];
    address_text(&b, text);
    assert_string_equal(text, "-");
}

static void octets(void **state)
{
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"};
    const size_t sizes[] = {4, 16, 16};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct address a = {.port = 7};
        struct address again = {.port = 9};
        assert_true(address_parse(span_of(texts[i]), &a));
        assert_int_equal(address_octets(&a).len, sizes[i]);
        assert_true(address_from_octets(address_octets(&a), &again));
        assert_true(address_equal(&a, &again));
        assert_int_equal(again.port, 0);
    }
    for (size_t len = 0; len < 20; len++) {
        const uint8_t data[20] = {0};
        struct address a = {.port = 7};
        bool good = address_from_octets(span_make(data, len), &a);
        assert_int_equal(good, len == 4 || len == 16);
        assert_int_equal(a.port, good ? 0 : 7);
    }
    const struct address none = {0};
    assert_int_equal(address_octets(&none).len, 0);
}

static void reverse_names(void **state)
{
    static const struct {
        const char *text;
        const char *name;
    } rows[] = {
        {"192.0.2.1", "1.2.0.192.in-addr.arpa"},
        {"255.255.255.255", "255.255.255.255.in-addr.arpa"},
        /* RFC 3596 2.5 */
        {"4321:0:1:2:3:4:567:89ab",
         "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"},
    };
    struct address a = {0};
    char name[ADDRESS_REVERSE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(address_parse(span_of(rows[i].text), &a));
        address_reverse_name(&a, name);
        assert_string_equal(name, rows[i].name);
    }
    a.family = ADDRESS_NONE;
    address_reverse_name(&a, name);
    assert_string_equal(name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),         cmocka_unit_test(ports),
        cmocka_unit_test(octets),        cmocka_unit_test(networks),
        cmocka_unit_test(specials),      cmocka_unit_test(kernel),
        cmocka_unit_test(reverse_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
