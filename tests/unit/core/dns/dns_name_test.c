/* Tests of core/dns/dns_name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/dns/dns_name.h"

static void reading(void **state)
{
    static const struct {
        const char *text;
        const char *name; /* NULL: none */
    } rows[] = {
        {"dns.test", "dns.test"},
        {"DNS.Test.", "dns.test"},
        {"_acme-challenge.a", "_acme-challenge.a"},
        {"test", "test"},
        {"*.a", "*.a"},
        {"", NULL},
        {".", NULL},
        {"a..b", NULL},
        {".a", NULL},
        {"a..", NULL},
        {"a b", NULL},
        {"a\\.b", NULL},
        {"a\"b", NULL},
        {"a\tb", NULL},
        {"\xc3\xbc.test", NULL},
        {"a:53", NULL},
    };
    char label[70];
    char name[DNS_NAME_MAX + 1];
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dns_name_read(span_of(rows[i].text), name),
                         rows[i].name != NULL);
        if (rows[i].name != NULL)
            assert_string_equal(name, rows[i].name);
    }
    memset(label, 'a', sizeof label);
    assert_true(dns_name_read(span_make(label, 63), name));
    assert_false(dns_name_read(span_make(label, 64), name));
}

static void names_have_a_largest_size(void **state)
{
    char text[DNS_NAME_MAX + 2];
    char name[DNS_NAME_MAX + 1];
    (void)state;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    assert_true(dns_name_read(span_make(text, DNS_NAME_MAX), name));
    assert_true(dns_name_read(span_make(text, DNS_NAME_MAX - 1), name));
    text[DNS_NAME_MAX] = 'a';
    text[DNS_NAME_MAX - 1] = 'a';
    assert_false(dns_name_read(span_make(text, DNS_NAME_MAX + 1), name));
}

static void zones(void **state)
{
    static const struct {
        const char *name;
        const char *zone;
        bool is_in;
    } rows[] = {
        {"a.dns.test", "dns.test", true},  {"dns.test", "dns.test", true},
        {"A.DNS.test", "dns.TEST", true},  {"a.test", "", true},
        {"adns.test", "dns.test", false},  {"test", "dns.test", false},
        {"dns.test", "a.dns.test", false}, {"dns.test.x", "dns.test", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(dns_name_is_in(rows[i].name, rows[i].zone), rows[i].is_in);
    assert_string_equal(dns_name_parent("a.b.test"), "b.test");
    assert_string_equal(dns_name_parent("test"), "");
    assert_string_equal(dns_name_parent(""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(names_have_a_largest_size),
        cmocka_unit_test(zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
