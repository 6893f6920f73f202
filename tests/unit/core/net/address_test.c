/* Tests of core/net/address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/net/address.h"

static void text_both_ways(void **state)
{
    static const struct {
        const char *text;
        const char *shown; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1:80"},
        {"192.0.2.1:53", "192.0.2.1:53"},
        {"2001:DB8:0::1", "[2001:db8::1]:80"},
        {"[2001:db8::1]:443", "[2001:db8::1]:443"},
        {"[::1]", "[::1]:80"},
        {"192.0.2.1:0", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2", NULL},
        {"192.0.2.01", NULL},
        {"[::1", NULL},
        {"[::1]x", NULL},
        {"example.test", NULL},
        {"fe80::1%eth0", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char shown[ADDRESS_TEXT_SIZE];
        struct address address;
        assert_int_equal(address_read_with_port(rows[i].text, 80, &address),
                         rows[i].shown != NULL);
        if (rows[i].shown != NULL) {
            address_text_with_port(&address, shown);
            assert_string_equal(shown, rows[i].shown);
        }
    }
}

static void networks(void **state)
{
    static const struct {
        const char *network;
        const char *address;
        bool inside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"192.0.2.4", "192.0.2.4", true},
        {"192.0.2.4", "192.0.2.5", false},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "192.0.2.1", true},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fc12::1", false},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
    };
    static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33", "::/129",
                                      "10.0.0.0/",  "x/8",         ""};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address_network network;
        struct address address;
        assert_true(address_network_read(rows[i].network, &network));
        assert_true(address_read(rows[i].address, 0, &address));
        assert_int_equal(address_in_network(&address, &network), rows[i].inside);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct address_network network;
        assert_false(address_network_read(bad[i], &network));
    }
}

static void special_ranges(void **state)
{
    static const struct {
        const char *address;
        bool special;
    } rows[] = {
        {"127.0.0.1", true},
        {"10.1.2.3", true},
        {"169.254.169.254", true},
        {"192.168.1.1", true},
        {"0.0.0.0", true},
        {"255.255.255.255", true},
        {"224.0.0.1", true},
        {"100.64.0.1", true},
        {"::1", true},
        {"::", true},
        {"::ffff:127.0.0.1", true},
        {"fe80::1", true},
        {"fd00::1", true},
        {"2001:db8::1", true},
        {"2002:7f00:1::", true},
        {"64:ff9b::a00:1", true},
        {"ff02::1", true},
        {"8.8.8.8", false},
        {"1.1.1.1", false},
        {"172.15.0.1", false},
        {"2606:4700::1111", false},
        {"2002:808:808::", false},
        {"64:ff9b::808:808", false},
        {"::ffff:8.8.8.8", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = NULL;
        struct address address;
        assert_true(address_read(rows[i].address, 0, &address));
        assert_int_equal(address_is_special(&address, &why), rows[i].special);
        assert_int_equal(why != NULL, rows[i].special);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_both_ways),
        cmocka_unit_test(networks),
        cmocka_unit_test(special_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
