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
        {"xn--fa-hia.test", "xn--fa-hia.test"}, /* sharp s */
        {"*.xn--mnchen-3ya.test", "*.xn--mnchen-3ya.test"},
        {"xn--ll-0ea.test", "xn--ll-0ea.test"},           /* Catalan l, middle dot, l */
        {"xn--11b2ezcw70k.test", "xn--11b2ezcw70k.test"}, /* a joiner behind a virama */
        {"xn--mgb.xn--fiqs8s", "xn--mgb.xn--fiqs8s"},     /* from right to left */
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

/* S-WILD-4, S-AZ-2, S-AZ-3. python3-idna judges the A-labels the same way. */
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
        {"xn--zzzzzzz99999.test", ERR_REJECTED_IDENTIFIER, "\"xn--zzzzzzz99999\""},
        {"xn--.test", ERR_MALFORMED, "hyphen"},
        {"xn--0.pt", ERR_REJECTED_IDENTIFIER, "IDNA"},
        {"xn--n3h.test", ERR_REJECTED_IDENTIFIER, "IDNA"},   /* a snowman */
        {"xn--a-ufo.test", ERR_REJECTED_IDENTIFIER, "IDNA"}, /* not equal */
        {"xn--u-ccb.test", ERR_REJECTED_IDENTIFIER, "IDNA"}, /* not NFC */
        {"xn--munchen-gie.test", ERR_REJECTED_IDENTIFIER, "IDNA"},
        {"xn--a-wbb.test", ERR_REJECTED_IDENTIFIER, "IDNA"},  /* begins with an accent */
        {"xn--ab-m1t.test", ERR_REJECTED_IDENTIFIER, "IDNA"}, /* a joiner */
        {"xn--ab-0ea.test", ERR_REJECTED_IDENTIFIER, "IDNA"}, /* a middle dot */
        {"xn--a-zjc.test", ERR_REJECTED_IDENTIFIER, "IDNA"},  /* geresh */
        {"xn--a-ymc.test", ERR_REJECTED_IDENTIFIER, "IDNA"},  /* both directions */
        {"xn--mnchen-3ya-.test", ERR_MALFORMED, "hyphen"},
        {"xn--xn--a-ecp.test", ERR_REJECTED_IDENTIFIER, "IDNA"},
        {"xn--abc.test", ERR_REJECTED_IDENTIFIER, "IDNA"},
        {"a.xn--a.xn--fiqs8s", ERR_REJECTED_IDENTIFIER, "\"xn--a\""},
        {"M\xc3\x9cNCHEN.test", ERR_MALFORMED, "\"xn--mnchen-3ya.test\""},
        {"*.m\xc3\xbcnchen.test", ERR_MALFORMED, "\"*.xn--mnchen-3ya.test\""},
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

/* S-IP-1, S-IP-8; the canonical forms of RFC 5952 4 and 5 by its own examples. */
static void addresses(void **state)
{
    static const struct {
        const char *given;
        const char *words; /* of the refusal; NULL: good as it is */
    } rows[] = {
        {"192.0.2.1", NULL},
        {"0.0.0.0", NULL},
        {"255.255.255.255", NULL},
        {"2001:db8::1", NULL},
        {"::", NULL},
        {"::1", NULL},
        {"2001:db8:0:1:1:1:1:1", NULL},
        {"2001:0:0:1::1", NULL},
        {"2001:db8::1:0:0:1", NULL},
        {"64:ff9b::c000:201", NULL},
        {"2001:DB8::1", "form (RFC 5952), \"2001:db8::1\""},
        {"2001:db8:0:0::1", "\"2001:db8::1\""},
        {"2001:0db8::1", "\"2001:db8::1\""},
        {"2001:db8:0:0:0:0:2:1", "\"2001:db8::2:1\""},
        {"2001:db8::1:1:1:1:1", "\"2001:db8:0:1:1:1:1:1\""},
        {"2001:db8:0:0:1::1", "\"2001:db8::1:0:0:1\""},
        {"2001:db8::192.0.2.1", "\"2001:db8::c000:201\""},
        {"64:ff9b::192.0.2.1", "\"64:ff9b::c000:201\""},
        {"::ffff:192.0.2.1", "IPv4 address in IPv6 form; ask for \"192.0.2.1\""},
        {"::FFFF:c000:201", "ask for \"192.0.2.1\""},
        {"192.0.2.01", "no address"},
        {"192.0.2", "no address"},
        {"192.0.2.256", "no address"},
        {"3221225985", "no address"},
        {"0xc0.0.2.1", "no address"},
        {"192.0.2.1.", "no address"},
        {" 192.0.2.1", "no address"},
        {"192.0.2.1\n", "no address"},
        {"192.0.2.1:80", "port or brackets; ask for \"192.0.2.1\""},
        {"[2001:DB8::1]", "port or brackets; ask for \"2001:db8::1\""},
        {"[2001:db8::1]:443", "ask for \"2001:db8::1\""},
        {"fe80::1%eth0", "no address"},
        {"192.0.2.0/24", "is a network"},
        {"192.0.2.1/32", "is a network"},
        {"2001:db8::/32", "is a network"},
        {"192.0.2.1/24", "no address"},
        {"*.192.0.2.1", "no address"},
        {"*", "no address"},
        {"a.test", "no address"},
        {"", "no address"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identifier identifier = {.type = IDENTIFIER_DNS, .value = "untouched"};
        struct address address = {0};
        struct err_info why = {0};
        enum err code = identifier_read_ip(a, rows[i].given, &identifier, &why);
        if (code != (rows[i].words == NULL ? ERR_OK : ERR_MALFORMED) ||
            (rows[i].words != NULL && strstr(why.detail, rows[i].words) == NULL))
            fail_msg("%s: %s: %s", rows[i].given, err_name(code), why.detail);
        assert_int_equal(identifier_address(&identifier, &address), code == ERR_OK);
        assert_string_equal(identifier.value,
                            code == ERR_OK ? rows[i].given : "untouched");
        assert_false(identifier_is_wildcard(&identifier));
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
        cmocka_unit_test(addresses),
        cmocka_unit_test(equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
