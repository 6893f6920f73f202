/* Tests of client/store/name: texts of names, with their types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/settings/name.h"

static void both_ways(void **state)
{
    static const struct {
        const char *text;
        enum identifier_type type;
        const char *value;
    } rows[] = {
        {"www.example.test", IDENTIFIER_DNS, "www.example.test"},
        {"*.example.test", IDENTIFIER_DNS, "*.example.test"},
        {"192.0.2.1", IDENTIFIER_IP, "192.0.2.1"},
        {"2001:db8::1", IDENTIFIER_IP, "2001:db8::1"},
        {"permanent-identifier:AB C/1.2.3", IDENTIFIER_PERMANENT_IDENTIFIER,
         "AB C/1.2.3"},
        {"permanent-identifier:a:b", IDENTIFIER_PERMANENT_IDENTIFIER, "a:b"},
        {"hardware-module:1/1.2.3", IDENTIFIER_HARDWARE_MODULE, "1/1.2.3"},
        {"dns:www.example.test", IDENTIFIER_DNS, "dns:www.example.test"},
        {"permanent-identifier", IDENTIFIER_DNS, "permanent-identifier"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier read = name_identifier(rows[i].text);
        assert_int_equal(read.type, rows[i].type);
        assert_string_equal(read.value, rows[i].value);
        assert_string_equal(name_text(a, &read), rows[i].text);
        assert_int_equal(name_is_device(rows[i].text), terms_is_device(rows[i].type));
    }
}

/* Octet for octet, where a DNS name has no case. */
static void same(void **state)
{
    static const struct identifier lower = {IDENTIFIER_DNS, "a.test"};
    static const struct identifier upper = {IDENTIFIER_DNS, "A.test"};
    static const struct identifier device = {IDENTIFIER_PERMANENT_IDENTIFIER, "a.test"};
    static const struct identifier other = {IDENTIFIER_PERMANENT_IDENTIFIER, "A.test"};

    (void)state;
    assert_true(name_equal(&lower, &upper));
    assert_true(name_equal(&device, &device));
    assert_false(name_equal(&device, &other));
    assert_false(name_equal(&device, &lower));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
