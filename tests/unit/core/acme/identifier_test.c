/* Tests of core/acme/identifier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/acme/identifier.h"

#define A63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A61  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A253 A63 "." A63 "." A63 "." A61

static void good(void **state)
{
    static const struct {
        const char *given;
        const char *canonical;
    } rows[] = {
        {"a.flow.test", "a.flow.test"},
        {"A.Flow.TEST", "a.flow.test"},
        {"printer", "printer"},
        {"1.flow.test", "1.flow.test"},
        {"a-b.c--d.test", "a-b.c--d.test"},
        {"*.flow.test", "*.flow.test"},
        {"*.FLOW.test", "*.flow.test"},
        {A63 ".test", A63 ".test"},
        {A253, A253},
        {"xn--mnchen-3ya.test", "xn--mnchen-3ya.test"},
        {"XN--MNCHEN-3YA.test", "xn--mnchen-3ya.test"},
        {"xn--fiqs8s", "xn--fiqs8s"},
        {"1a", "1a"},
        {"a1.1a", "a1.1a"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier identifier = {0};
        struct err_info why = {0};
        if (identifier_read_dns(a, rows[i].given, &identifier, &why) != ERR_OK)
            fail_msg("%s", why.detail);
        assert_string_equal(identifier.value, rows[i].canonical);
        assert_int_equal(identifier.type, IDENTIFIER_DNS);
        bool wildcard = rows[i].given[0] == '*';
        assert_int_equal(identifier_is_wildcard(&identifier), wildcard);
        assert_string_equal(identifier_base(&identifier),
                            rows[i].canonical + (wildcard ? 2 : 0));
    }
}

static void bad(void **state)
{
    static const struct {
        const char *given;
        enum err code;
        const char *words;
    } rows[] = {
        {"", ERR_MALFORMED, "empty"},
        {".", ERR_MALFORMED, "dot"},
        {"*.", ERR_MALFORMED, "empty"},
        {"*", ERR_MALFORMED, "'*'"},
        {"a.", ERR_MALFORMED, "dot"},
        {".a", ERR_MALFORMED, "empty label"},
        {"a..b", ERR_MALFORMED, "empty label"},
        {"a.*.test", ERR_MALFORMED, "'*'"},
        {"**.test", ERR_MALFORMED, "'*'"},
        {"a_b.test", ERR_MALFORMED, "'_'"},
        {"-a.test", ERR_MALFORMED, "hyphen"},
        {"a-.test", ERR_MALFORMED, "hyphen"},
        {"a b.test", ERR_MALFORMED, "' '"},
        {"a.test\n", ERR_MALFORMED, "character"},
        {"a/b", ERR_MALFORMED, "'/'"},
        {"a:80", ERR_MALFORMED, "address"},
        {"::1", ERR_MALFORMED, "address"},
        {"192.0.2.1", ERR_MALFORMED, "address"},
        {"1", ERR_MALFORMED, "address"},
        {"a.1", ERR_MALFORMED, "address"},
        {A63 "a.test", ERR_MALFORMED, "63"},
        {A253 "a", ERR_MALFORMED, "253"},
        {"ab--cd.test", ERR_REJECTED_IDENTIFIER, "A-label"},
        {"xn--a.test", ERR_REJECTED_IDENTIFIER, "IDNA"},
        {"xn--zzzzzzz99999.test", ERR_REJECTED_IDENTIFIER, "IDNA"},
        {"m\xc3\xbcnchen.test", ERR_MALFORMED, "xn--mnchen-3ya.test"},
        {"\xff.test", ERR_MALFORMED, "ASCII"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier identifier = {.value = "untouched"};
        struct err_info why = {0};
        enum err code = identifier_read_dns(a, rows[i].given, &identifier, &why);
        if (code != rows[i].code || strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s: %s", rows[i].given, err_name(code), why.detail);
        assert_string_equal(identifier.value, "untouched");
    }
}

static void equal(void **state)
{
    const struct identifier one = {IDENTIFIER_DNS, "a.test"};
    const struct identifier same = {IDENTIFIER_DNS, "a.test"};
    const struct identifier other = {IDENTIFIER_DNS, "b.test"};
    const struct identifier address = {IDENTIFIER_IP, "a.test"};

    (void)state;
    assert_true(identifier_equal(&one, &same));
    assert_false(identifier_equal(&one, &other));
    assert_false(identifier_equal(&one, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
