/* Tests of server/validate/caa_judge: the examples of RFC 8659 4 and RFC 8657, and the
 * grammar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/validate/caa_judge.h"

#define ACCOUNT "https://ca1.example.net/acme/account/7"
#define MAX     4
#define RECORD(tag, value)                                                               \
    {                                                                                    \
        0, {(const uint8_t *)(tag), sizeof(tag) - 1},                                    \
        {                                                                                \
            (const uint8_t *)(value), sizeof(value) - 1                                  \
        }                                                                                \
    }
#define CRITICAL(tag, value)                                                             \
    {                                                                                    \
        128, {(const uint8_t *)(tag), sizeof(tag) - 1},                                  \
        {                                                                                \
            (const uint8_t *)(value), sizeof(value) - 1                                  \
        }                                                                                \
    }
#define FLAGS(flags, tag, value)                                                         \
    {                                                                                    \
        flags, {(const uint8_t *)(tag), sizeof(tag) - 1},                                \
        {                                                                                \
            (const uint8_t *)(value), sizeof(value) - 1                                  \
        }                                                                                \
    }

static const struct {
    const char *what;
    struct dns_caa records[MAX];
    const char *plain; /* a part of the refusal of the name itself; NULL: allowed */
    const char *wild;  /* the same of the wildcard */
} rows[] = {
    /* V-CAA-9 */
    {"one of two CAs",
     {RECORD("issue", "ca1.example.net"), RECORD("issue", "ca2.example.org")},
     NULL,
     NULL},
    {"another CA",
     {RECORD("issue", "ca9.example.net")},
     "the CAA record of www.example.com (0 issue \"ca9.example.net\") does not let this "
     "CA issue for "
     "a.www.example.com; it is called ca1.example.net ca.two.example: add "
     "www.example.com. CAA 0 issue "
     "\"ca1.example.net\"",
     "does not let this CA issue for *.a.www.example.com"},
    {"two other CAs",
     {RECORD("issue", "ca8.example.net"), RECORD("issue", "ca9.example.net")},
     "the CAA records of www.example.com (0 issue \"ca8.example.net\", 0 issue "
     "\"ca9.example.net\") do not let",
     "do not let"},
    {"four others",
     {RECORD("issue", "a.net"), RECORD("issue", "b.net"), RECORD("issue", "c.net"),
      RECORD("issue", "d.net")},
     "0 issue \"c.net\" and 1 more)",
     "and 1 more"},
    {"nobody", {RECORD("issue", ";")}, "0 issue \";\"", "0 issue \";\""},
    {"nobody and we",
     {RECORD("issue", ";"), RECORD("issue", "ca1.example.net")},
     NULL,
     NULL},
    {"nobody, in no octets", {RECORD("issue", "")}, "0 issue \"\"", ""},
    /* V-CAA-11 */
    {"our name in capitals", {RECORD("issue", "CA1.Example.NET")}, NULL, NULL},
    {"our other name", {RECORD("issue", "ca.two.example")}, NULL, NULL},
    {"our name with a dot", {RECORD("issue", "ca1.example.net.")}, "does not let", ""},
    {"a name that begins like ours",
     {RECORD("issue", "ca1.example.net.example")},
     "does not let",
     ""},
    {"a name that ends like ours",
     {RECORD("issue", "xca1.example.net")},
     "does not let",
     ""},
    {"both our names",
     {RECORD("issue", "ca1.example.net ca.two.example")},
     "does not let",
     ""},
    /* V-CAA-4 */
    {"iodef only", {RECORD("iodef", "mailto:security@example.com")}, NULL, NULL},
    {"kinds nobody knows", {RECORD("tbs", "Unknown"), FLAGS(1, "other", "")}, NULL, NULL},
    /* V-CAA-6 */
    {"critical and unknown",
     {RECORD("issue", "ca1.example.net"), CRITICAL("tbs", "Unknown")},
     "the CAA record 128 tbs \"Unknown\" of www.example.com is marked critical",
     "which forbids certificates for *.a.www.example.com"},
    {"critical among reserved flags", {FLAGS(255, "tbs", "")}, "255 tbs", "255 tbs"},
    {"all flags but critical", {FLAGS(127, "tbs", "")}, NULL, NULL},
    {"critical and known",
     {CRITICAL("issue", "ca1.example.net"), CRITICAL("IODEF", ""),
      CRITICAL("issuemail", ";")},
     NULL,
     NULL},
    {"critical, of octets", {CRITICAL("\0\n\xff", "\x1b[31m")}, "128 ??? \"?[31m\"", ""},
    /* V-CAA-7 */
    {"a tag in capitals", {RECORD("ISSUE", "ca9.example.net")}, "0 ISSUE", "0 ISSUE"},
    {"a tag that is longer", {RECORD("issued", ";"), RECORD("issu", ";")}, NULL, NULL},
    /* V-CAA-8 */
    {"malformed", {RECORD("issue", "%%%%%")}, "0 issue \"%%%%%\"", ""},
    {"no name of a CA", {RECORD("issue", "ca_example")}, "does not let", ""},
    {"a parameter without a value",
     {RECORD("issue", "ca1.example.net; a")},
     "cannot be read and so allows nothing for a.www.example.com: a parameter has no",
     ""},
    {"a parameter without a tag",
     {RECORD("issue", "ca1.example.net; =a")},
     "cannot be read",
     ""},
    {"a tag with a hyphen at its end",
     {RECORD("issue", "ca1.example.net; a-=b")},
     "cannot be read",
     ""},
    {"a space in a value",
     {RECORD("issue", "ca1.example.net; a=b c")},
     "cannot be read",
     ""},
    {"nothing behind the last semicolon",
     {RECORD("issue", "ca1.example.net; a=b;")},
     "cannot be read",
     ""},
    {"no semicolon", {RECORD("issue", "ca1.example.net a=b")}, "does not let", ""},
    {"a NUL", {RECORD("issue", "ca1.example.net\0")}, "does not let", ""},
    {"a malformed one beside a good one",
     {RECORD("issue", "ca1.example.net; a"), RECORD("issue", "ca1.example.net")},
     NULL,
     NULL},
    {"much white space",
     {RECORD("issue", " \t ca1.example.net \t; a = b ;\tc-1=\t;d==\t")},
     NULL,
     NULL},
    {"only a semicolon behind the name",
     {RECORD("issue", "ca1.example.net;")},
     NULL,
     NULL},
    /* V-CAA-10: the four examples of 4.3 */
    {"wild.example.com",
     {RECORD("issue", "ca1.example.net"), RECORD("issuewild", "ca2.example.org")},
     NULL,
     "add www.example.com. CAA 0 issuewild"},
    {"wild2.example.com", {RECORD("issue", "ca1.example.net")}, NULL, NULL},
    {"wild3.example.com",
     {RECORD("issuewild", "ca1.example.net"), RECORD("issue", ";")},
     "0 issue \";\"",
     NULL},
    {"wild3.example.com once more",
     {RECORD("issuewild", "ca2.example.org")},
     NULL,
     "0 issuewild \"ca2.example.org\""},
    {"no wildcards",
     {RECORD("issue", "ca1.example.net"), RECORD("IssueWild", ";")},
     NULL,
     "issuewild"},
    /* RFC 8657 3, V-CAA-13, 14, 15: */
    {"our account",
     {RECORD("issue", "ca1.example.net; accounturi=" ACCOUNT)},
     NULL,
     NULL},
    {"another account",
     {RECORD("issue", "ca1.example.net; accounturi=" ACCOUNT "7")},
     "allows a.www.example.com to another account (accounturi); this one is " ACCOUNT,
     ""},
    {"an account in other case",
     {RECORD("issue",
             "ca1.example.net; accounturi=HTTPS://ca1.example.net/acme/account/7")},
     "another account",
     ""},
    {"the parameter in other case",
     {RECORD("issue", "ca1.example.net; AccountURI=urn:x")},
     "another account",
     ""},
    {"no account",
     {RECORD("issue", "ca1.example.net; accounturi=")},
     "another account",
     ""},
    {"two accounts",
     {RECORD("issue", "ca1.example.net; accounturi=" ACCOUNT "; accounturi=" ACCOUNT)},
     "twice",
     ""},
    {"our account at another CA",
     {RECORD("issue", "ca9.example.net; accounturi=" ACCOUNT)},
     "does not let",
     ""},
    {"another account beside ours",
     {RECORD("issue", "ca1.example.net; accounturi=urn:x"),
      RECORD("issue", "ca1.example.net; accounturi=" ACCOUNT)},
     NULL,
     NULL},
    /* RFC 8657 4, V-CAA-16 */
    {"our method",
     {RECORD("issue", "ca1.example.net; validationmethods=dns-01")},
     NULL,
     NULL},
    {"our method among others",
     {RECORD("issue", "ca1.example.net; validationmethods=http-01,dns-01,ca-foo")},
     NULL,
     NULL},
    {"another method",
     {RECORD("issue", "ca1.example.net; validationmethods=http-01")},
     "does not allow a.www.example.com to be proved by dns-01 (validationmethods)",
     ""},
    {"a method that begins like ours",
     {RECORD("issue", "ca1.example.net; validationmethods=dns-012")},
     "validationmethods",
     ""},
    {"no method",
     {RECORD("issue", "ca1.example.net; validationmethods=")},
     "validationmethods",
     ""},
    {"an empty method",
     {RECORD("issue", "ca1.example.net; validationmethods=dns-01,,a")},
     "validationmethods",
     ""},
    {"a comma at the end",
     {RECORD("issue", "ca1.example.net; validationmethods=dns-01,")},
     "validationmethods",
     ""},
    {"a method with a dot",
     {RECORD("issue", "ca1.example.net; validationmethods=a.b,dns-01")},
     "validationmethods",
     ""},
    {"two lists of methods",
     {RECORD("issue",
             "ca1.example.net; validationmethods=dns-01; validationmethods=dns-01")},
     "twice",
     ""},
    {"account and method",
     {RECORD("issue", "ca1.example.net; validationmethods=dns-01; accounturi=" ACCOUNT)},
     NULL,
     NULL},
    {"account, but not the method",
     {RECORD("issue", "ca1.example.net; validationmethods=http-01; accounturi=" ACCOUNT)},
     "validationmethods",
     ""},
};

static void check(size_t row, bool wildcard, const char *part)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct caa_judge_wish wish = {.name = "a.www.example.com",
                                        .wildcard = wildcard,
                                        .issuers = "ca1.example.net ca.two.example",
                                        .account_uri = ACCOUNT,
                                        .method = "dns-01"};
    struct err_info why = {0};
    size_t count = 0;

    while (count < MAX && rows[row].records[count].tag.len > 0)
        count++;
    enum err result =
        caa_judge(a, rows[row].records, count, "www.example.com", &wish, &why);
    if (part == NULL && result != ERR_OK)
        fail_msg("%s: %s", rows[row].what, why.detail);
    if (part != NULL && (result != ERR_CAA || strstr(why.detail, part) == NULL))
        fail_msg("%s: %d \"%s\"", rows[row].what, (int)result, why.detail);
}

static void judges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(i, false, rows[i].plain);
        check(i, true, rows[i].wild);
    }
}

/* Of an authorization that is gone nobody knows how it was proved. */
static void an_unknown_method(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct dns_caa records[] = {
        RECORD("issue", "ca1.example.net; validationmethods=dns-01")};
    const struct caa_judge_wish wish = {
        .name = "a.test", .issuers = "ca1.example.net", .account_uri = "", .method = ""};
    struct err_info why = {0};

    (void)state;
    assert_int_equal(caa_judge(a, records, 1, "test", &wish, &why), ERR_CAA);
    assert_non_null(strstr(why.detail, "what is not known any more"));
}

/* As long as records can be, a refusal has room for what comes behind them. */
static void long_records(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    static uint8_t octets[65000];
    struct dns_caa records[3];
    const struct caa_judge_wish wish = {.name = "a.test",
                                        .issuers = "ca.test",
                                        .account_uri = ACCOUNT,
                                        .method = "dns-01"};
    struct err_info why = {0};

    (void)state;
    memset(octets, 'x', sizeof octets);
    for (size_t i = 0; i < 3; i++)
        records[i] =
            (struct dns_caa){0, span_of("issue"), span_make(octets, sizeof octets)};
    assert_int_equal(caa_judge(a, records, 3, "test", &wish, &why), ERR_CAA);
    assert_non_null(strstr(why.detail, "add test. CAA 0 issue \"ca.test\""));
    memcpy(octets, "ca.test;a=", 10);
    assert_int_equal(caa_judge(a, records, 3, "test", &wish, &why), ERR_OK);
    octets[sizeof octets - 1] = ' ';
    octets[sizeof octets - 2] = 0xff;
    assert_int_equal(caa_judge(a, records, 3, "test", &wish, &why), ERR_CAA);
    assert_non_null(strstr(why.detail, "cannot be read"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(judges),
                                       cmocka_unit_test(an_unknown_method),
                                       cmocka_unit_test(long_records)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
