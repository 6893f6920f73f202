/* Tests of server/policy/policy_external and server/exchange/external_policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/policy/policy_external.h"

static const struct settings_directory directory = {.challenge_types = ~0U};

static const struct external_policy *read_policy(struct arena *a, const char *text)
{
    const struct external_policy *policy = NULL;
    struct err_info why = {0};

    assert_int_equal(external_policy_read(a, 3, "kid", text, &policy, &why), ERR_OK);
    assert_int_equal(policy->key_id, 3);
    return policy;
}

static void what_identifiers_a_key_allows(void **state)
{
    static const struct {
        const char *policy;
        enum identifier_type type;
        const char *value;
        const char *says; /* NULL: allowed */
    } rows[] = {
        {"{}", IDENTIFIER_DNS, "a.test", NULL},
        {"{}", IDENTIFIER_DNS, "*.a.test", NULL},
        {"{\"names\":[]}", IDENTIFIER_DNS, "a.test", NULL},
        {"{\"names\":[\"a.test\"]}", IDENTIFIER_DNS, "a.test", NULL},
        {"{\"names\":[\"a.test\"]}", IDENTIFIER_DNS, "b.a.test", "is none of those"},
        {"{\"names\":[\"a.test\"]}", IDENTIFIER_DNS, "*.a.test", "is none of those"},
        {"{\"names\":[\"a.test\"]}", IDENTIFIER_DNS, "aa.test", "is none of those"},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "a.test", "is none of those"},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "b.a.test", NULL},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "c.b.a.test", NULL},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "*.a.test", NULL},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "*.b.a.test", NULL},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "ba.test", "is none of those"},
        {"{\"names\":[\".a.test\"]}", IDENTIFIER_DNS, "a.test.b", "is none of those"},
        {"{\"names\":[\"x.test\",\"a.test\"]}", IDENTIFIER_DNS, "a.test", NULL},
        {"{\"networks\":[\"10.0.0.0/8\"]}", IDENTIFIER_DNS, "a.test", "is none of those"},
        {"{\"identifiers\":[\"ip\"]}", IDENTIFIER_DNS, "a.test", "type \"dns\""},
        {"{\"identifiers\":[\"dns\"]}", IDENTIFIER_DNS, "a.test", NULL},
        {"{\"identifiers\":[\"dns\"]}", IDENTIFIER_IP, "10.0.0.1", "type \"ip\""},
        {"{\"identifiers\":[\"unheard-of\"]}", IDENTIFIER_DNS, "a.test", "type \"dns\""},
        {"{\"names\":[\"a.test\"]}", IDENTIFIER_IP, "10.0.0.1", "is none of those"},
        {"{\"names\":[\"10.0.0.1\"]}", IDENTIFIER_IP, "10.0.0.1", "is none of those"},
        {"{\"networks\":[\"192.0.2.0/24\"]}", IDENTIFIER_IP, "10.0.0.1",
         "is none of those"},
        {"{\"challenges\":[\"http-01\"]}", IDENTIFIER_DNS, "a.test", NULL},
        {"{\"challenges\":[\"http-01\"]}", IDENTIFIER_DNS, "*.a.test",
         "cannot be proved"},
        {"{\"challenges\":[\"dns-01\"]}", IDENTIFIER_DNS, "*.a.test", NULL},
        {"{\"challenges\":[\"unheard-of\"]}", IDENTIFIER_DNS, "a.test",
         "cannot be proved"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct identifier identifier = {rows[i].type, rows[i].value};
        struct err_info why = {0};
        enum err result = policy_external_identifier(
            &directory, read_policy(a, rows[i].policy), &identifier, &why);
        enum err expected = rows[i].says == NULL ? ERR_OK : ERR_REJECTED_IDENTIFIER;
        if (result != expected ||
            (rows[i].says != NULL && strstr(why.detail, rows[i].says) == NULL))
            fail_msg("%s: %s: %s: %s", rows[i].policy, rows[i].value, err_name(result),
                     why.detail);
    }
}

static void who_is_not_bound_may(void **state)
{
    const struct identifier identifier = {IDENTIFIER_DNS, "a.test"};

    (void)state;
    assert_int_equal(policy_external_identifier(&directory, NULL, &identifier, NULL),
                     ERR_OK);
    assert_true(policy_external_profile(NULL, "any"));
    assert_true(policy_external_challenge(NULL, CHALLENGE_HTTP_01));
}

static void profiles_and_challenges(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct external_policy *open = read_policy(a, "{}");
    const struct external_policy *narrow =
        read_policy(a, "{\"profiles\":[\"one\",\"two\"],\"challenges\":[\"dns-01\"],"
                       "\"directories\":[\"d\"]}");

    (void)state;
    assert_true(policy_external_profile(open, "one"));
    assert_true(policy_external_profile(narrow, "two"));
    assert_false(policy_external_profile(narrow, "three"));
    assert_true(policy_external_challenge(open, CHALLENGE_HTTP_01));
    assert_true(policy_external_challenge(narrow, CHALLENGE_DNS_01));
    assert_false(policy_external_challenge(narrow, CHALLENGE_HTTP_01));
    assert_true(external_policy_lists(&narrow->directories, "d"));
    assert_false(external_policy_lists(&open->directories, "d"));
}

static void how_many_orders(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct external_policy *open = read_policy(a, "{\"names\":[\"a.test\"]}");
    const struct external_policy *limited = read_policy(a, "{\"orders\":\"100/1d 5\"}");

    (void)state;
    assert_int_equal(open->limits.orders.count, 0);
    assert_string_equal(limited->limits.kid, "kid");
    assert_int_equal(limited->limits.orders.count, 100);
    assert_int_equal(limited->limits.orders.duration_ms, 86400000);
    assert_int_equal(limited->limits.orders.burst, 5);
}

static void a_damaged_policy_allows_nothing(void **state)
{
    static const char *const rows[] = {
        "", "[]", "{", "1", "{\"orders\":\"100\"}", "{\"orders\":7}", "{\"orders\":[]}"};
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct external_policy *policy = NULL;
        struct err_info why = {0};
        assert_int_equal(external_policy_read(a, 1, "kid", rows[i], &policy, &why),
                         ERR_STORE);
        assert_null(policy);
    }
}

static void patterns_are_made_canonical(void **state)
{
    static const struct {
        const char *text;
        const char *pattern; /* NULL: refused */
    } rows[] = {
        {"a.test", "a.test"},
        {"A.Test", "a.test"},
        {".A.test", ".a.test"},
        {"*.a.test", ".a.test"},
        {"*.*.a.test", NULL},
        {".*.a.test", NULL},
        {"..a.test", NULL},
        {"*", NULL},
        {"", NULL},
        {".", NULL},
        {"a b.test", NULL},
        {"192.0.2.1", NULL},
        {"b.*.a.test", NULL},
        {"-a.test", NULL},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *pattern = NULL;
        struct err_info why = {0};
        enum err result = policy_external_pattern(a, rows[i].text, &pattern, &why);
        if (result != (rows[i].pattern != NULL ? ERR_OK : ERR_USAGE))
            fail_msg("%s: %s %s", rows[i].text, err_name(result), why.detail);
        if (rows[i].pattern != NULL)
            assert_string_equal(pattern, rows[i].pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_identifiers_a_key_allows),
        cmocka_unit_test(who_is_not_bound_may),
        cmocka_unit_test(profiles_and_challenges),
        cmocka_unit_test(how_many_orders),
        cmocka_unit_test(a_damaged_policy_allows_nothing),
        cmocka_unit_test(patterns_are_made_canonical),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
