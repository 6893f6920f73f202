/* Tests of core/acme/dns_persist against draft-ietf-acme-dns-persist. S-DNSP-3 to 8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/dns_persist.h"

#define CA      "authority.example"
#define ACCOUNT "https://ca.example/acct/123"
#define OURS    CA "; accounturi=" ACCOUNT
#define NOW     1767225600

static const struct {
    const char *record;
    bool wildcard;
    enum dns_persist_fit fit;
    int64_t until;
    const char *words; /* of what is not granted */
} rows[] = {
    /* the draft's own examples */
    {OURS, false, DNS_PERSIST_GRANTED, 0, NULL},
    {OURS "; policy=wildcard", false, DNS_PERSIST_GRANTED, 0, NULL},
    {OURS "; policy=wildcard", true, DNS_PERSIST_GRANTED, 0, NULL},
    {OURS "; persistUntil=1721952000", false, DNS_PERSIST_NOT_GRANTED, 0,
     "persistUntil=1721952000 is past"},
    {OURS "; persistUntil=1821952000", false, DNS_PERSIST_GRANTED, 1821952000, NULL},
    {OURS "; policy=wildcard; persistUntil=1821952000", true, DNS_PERSIST_GRANTED,
     1821952000, NULL},
    /* names of the CA */
    {"AUTHORITY.Example;accounturi=" ACCOUNT, false, DNS_PERSIST_GRANTED, 0, NULL},
    {"ca.example.net; accounturi=" ACCOUNT, false, DNS_PERSIST_GRANTED, 0, NULL},
    {"other.example; accounturi=" ACCOUNT, false, DNS_PERSIST_OTHER_CA, 0, "another CA"},
    {"sub.authority.example; accounturi=" ACCOUNT, false, DNS_PERSIST_OTHER_CA, 0, ""},
    {"authority.exampl; accounturi=" ACCOUNT, false, DNS_PERSIST_OTHER_CA, 0, ""},
    {"authority.example ca.example.net; accounturi=" ACCOUNT, false, DNS_PERSIST_OTHER_CA,
     0, ""},
    {"; accounturi=" ACCOUNT, false, DNS_PERSIST_OTHER_CA, 0, ""},
    {"", false, DNS_PERSIST_OTHER_CA, 0, ""},
    {"other.example; %%%", false, DNS_PERSIST_OTHER_CA, 0, ""},
    {"v=spf1 -all", false, DNS_PERSIST_OTHER_CA, 0, ""},
    {"authority.example.; accounturi=" ACCOUNT, false, DNS_PERSIST_MALFORMED, 0,
     "RFC 8659 4.2: what stands in front"},
    /* accounts */
    {CA "; accounturi=https://ca.example/acct/124", false, DNS_PERSIST_OTHER_ACCOUNT, 0,
     "another account, accounturi=https://ca.example/acct/124"},
    {CA "; accounturi=https://CA.example/acct/123", false, DNS_PERSIST_OTHER_ACCOUNT, 0,
     ""},
    {CA "; accounturi=" ACCOUNT "/", false, DNS_PERSIST_OTHER_ACCOUNT, 0, ""},
    {CA "; accounturi=https://ca.example/acct/12", false, DNS_PERSIST_OTHER_ACCOUNT, 0,
     ""},
    {CA "; accounturi=https://ca.example/acct/%31%32%33", false,
     DNS_PERSIST_OTHER_ACCOUNT, 0, ""},
    {CA "; ACCOUNTURI=" ACCOUNT, false, DNS_PERSIST_GRANTED, 0, NULL},
    {CA, false, DNS_PERSIST_MALFORMED, 0, "has no accounturi"},
    {CA "; accounturi=", false, DNS_PERSIST_MALFORMED, 0, "has no accounturi"},
    {OURS "; accounturi=" ACCOUNT, false, DNS_PERSIST_MALFORMED, 0, "accounturi twice"},
    /* scope */
    {OURS, true, DNS_PERSIST_NOT_GRANTED, 0, "policy=wildcard"},
    {OURS "; policy=", true, DNS_PERSIST_NOT_GRANTED, 0, "policy=wildcard"},
    {OURS "; policy=wildcards", true, DNS_PERSIST_NOT_GRANTED, 0, ""},
    {OURS "; policy=specific", false, DNS_PERSIST_GRANTED, 0, NULL},
    {OURS "; Policy=WILDcard", true, DNS_PERSIST_GRANTED, 0, NULL},
    {OURS "; policy=wildcard; POLICY=wildcard", true, DNS_PERSIST_MALFORMED, 0,
     "policy twice"},
    /* times: 64 bits */
    {OURS "; persistuntil=1821952000", false, DNS_PERSIST_GRANTED, 1821952000, NULL},
    {OURS "; persistUntil=1099511627776", false, DNS_PERSIST_GRANTED, 1099511627776,
     NULL},
    {OURS "; persistUntil=9223372036854775807", false, DNS_PERSIST_GRANTED, INT64_MAX,
     NULL},
    {OURS "; persistUntil=9223372036854775808", false, DNS_PERSIST_MALFORMED, 0,
     "no number of seconds"},
    {OURS "; persistUntil=1767225601", false, DNS_PERSIST_GRANTED, 1767225601, NULL},
    {OURS "; persistUntil=1767225600", false, DNS_PERSIST_NOT_GRANTED, 0, "is past"},
    {OURS "; persistUntil=0", false, DNS_PERSIST_NOT_GRANTED, 0, "is past"},
    {OURS "; persistUntil=-1", false, DNS_PERSIST_NOT_GRANTED, 0, "is past"},
    {OURS "; persistUntil=", false, DNS_PERSIST_MALFORMED, 0, ""},
    {OURS "; persistUntil=-", false, DNS_PERSIST_MALFORMED, 0, ""},
    {OURS "; persistUntil=+1821952000", false, DNS_PERSIST_MALFORMED, 0, ""},
    {OURS "; persistUntil=1e9", false, DNS_PERSIST_MALFORMED, 0, "persistUntil=1e9"},
    {OURS "; persistUntil=0x7fffffff", false, DNS_PERSIST_MALFORMED, 0, ""},
    {OURS "; persistUntil=2027-01-01T00:00:00Z", false, DNS_PERSIST_MALFORMED, 0, ""},
    {OURS "; persistUntil=1821952000; persistUntil=1821952000", false,
     DNS_PERSIST_MALFORMED, 0, "persistUntil twice"},
    {OURS "; persistUntil=1721952000; policy=x", true, DNS_PERSIST_NOT_GRANTED, 0,
     "is past"},
    /* unknown ones, also several times, and what is none */
    {OURS "; foo=bar; foo=baz; x-1=", false, DNS_PERSIST_GRANTED, 0, NULL},
    {OURS "; foo", false, DNS_PERSIST_MALFORMED, 0, "no \"=\""},
    {OURS ";", false, DNS_PERSIST_MALFORMED, 0, "behind a semicolon"},
    {OURS " policy=wildcard", false, DNS_PERSIST_MALFORMED, 0, "has a space"},
    {CA " ;\taccounturi = " ACCOUNT " ", false, DNS_PERSIST_GRANTED, 0, NULL},
    {"\"" OURS "\"", false, DNS_PERSIST_OTHER_CA, 0, ""},
};

static void records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct dns_persist_wish wish = {.issuers = CA " ca.example.net",
                                              .account_uri = ACCOUNT,
                                              .wildcard = rows[i].wildcard,
                                              .now = NOW};
        struct err_info why = {0};
        int64_t until = -7;
        enum dns_persist_fit fit =
            dns_persist_judge(span_of(rows[i].record), &wish, &until, &why);
        if (fit != rows[i].fit)
            fail_msg("%s: %d, %s", rows[i].record, (int)fit, why.detail);
        assert_int_equal(until, fit == DNS_PERSIST_GRANTED ? rows[i].until : -7);
        if (fit != DNS_PERSIST_GRANTED && strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].record, why.detail);
    }
}

/* A NUL ends nothing. */
static void any_octets(void **state)
{
    static const char record[] = CA "; accounturi=" ACCOUNT "\0; policy=wildcard";
    const struct dns_persist_wish wish = {CA, ACCOUNT, false, NOW};
    struct err_info why = {0};
    int64_t until = 0;

    (void)state;
    assert_int_equal(
        dns_persist_judge(span_make(record, sizeof record - 1), &wish, &until, &why),
        DNS_PERSIST_MALFORMED);
    assert_non_null(strstr(why.detail, "no printable ASCII"));
}

/* S-DNSP-15: by python3 -c 'import hashlib, base64; n=b"example.org"; print(base64.
 * urlsafe_b64encode(hashlib.sha256(bytes([len(n)])+n+bytes(range(32))+URL).digest()))'.
 */
static void hashed(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof thumbprint; i++)
        thumbprint[i] = (uint8_t)i;
    assert_string_equal(dns_persist_hashed_uri(a, "https://ca.example/account-hash/",
                                               "example.org", thumbprint, ACCOUNT),
                        "https://ca.example/account-hash/sha-256/"
                        "e1nef0zrGCoegirXiTVfbsuATmsr_EWHTqAWc15kNjQ");
}

/* What is written is what is read, and grants no more than was meant. */
static void written(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct dns_persist_wish wish = {
        .issuers = "ca.test", .account_uri = "https://ca.test/a/1", .now = 1};
    struct dns_persist_wish wild = wish;
    struct err_info why = {0};
    int64_t until = 9;

    (void)state;
    wild.wildcard = true;
    const char *plain = dns_persist_record(a, "ca.test", wish.account_uri, false);
    const char *wider = dns_persist_record(a, "ca.test", wish.account_uri, true);
    assert_string_equal(plain, "ca.test; accounturi=https://ca.test/a/1");
    assert_string_equal(wider,
                        "ca.test; accounturi=https://ca.test/a/1; policy=wildcard");
    assert_int_equal(dns_persist_judge(span_of(plain), &wish, &until, &why),
                     DNS_PERSIST_GRANTED);
    assert_int_equal(until, 0);
    assert_int_equal(dns_persist_judge(span_of(wider), &wish, &until, &why),
                     DNS_PERSIST_GRANTED);
    assert_int_equal(dns_persist_judge(span_of(wider), &wild, &until, &why),
                     DNS_PERSIST_GRANTED);
    assert_int_equal(dns_persist_judge(span_of(plain), &wild, &until, &why),
                     DNS_PERSIST_NOT_GRANTED);
}

/* C-DNSP-2. */
static void zone_texts(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char text[600];

    (void)state;
    assert_string_equal(dns_persist_zone_text(a, ""), "\"\"");
    assert_string_equal(dns_persist_zone_text(a, "ca; b=c"), "\"ca; b=c\"");
    for (size_t len = 254; len < 513; len++) {
        memset(text, 'x', len);
        text[len] = '\0';
        const char *zone = dns_persist_zone_text(a, text);
        size_t strings = (len + 254) / 255;
        assert_int_equal(strlen(zone), len + 3 * strings - 1);
        for (size_t at = 0; at < strings; at++) {
            assert_int_equal(zone[at * 258], '"');
            assert_true(strcspn(zone + at * 258 + 1, "\"") <= 255);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_texts), cmocka_unit_test(records),
        cmocka_unit_test(written), cmocka_unit_test(any_octets),
        cmocka_unit_test(hashed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
