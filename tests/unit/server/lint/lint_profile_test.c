/* Tests of server/lint: what the profile says, and extensions that not every certificate
 * has. */
#include <stdio.h>

#include "lint_parts.h"

static void no_profile(void **state)
{
    struct parts p = good();

    (void)state;
    question.profile = NULL;
    assert_broken(&p, "rule_profile");
}

static void key_types(void **state)
{
    struct lint_key keys[] = {{KEY_RSA, 2048}, {KEY_ED25519, 0}};
    struct parts p = good();

    (void)state;
    profile.keys = keys;
    profile.key_count = 1;
    assert_broken(&p, "rule_profile_key");
    p.spki = rsa_spki;
    assert_good(&p);
    p.spki = rsa_key(384, "\x01\x00\x01", 3, 0xc0);
    assert_broken(&p, "rule_profile_key");
    keys[0].bits = 0;
    assert_good(&p);
    p.spki = ed25519_spki;
    assert_broken(&p, "rule_profile_key");
    profile.key_count = 2;
    assert_good(&p);
    profile.key_count = 0;
    assert_broken(&p, "rule_profile_key");
}

/* X-TLS-10: bits that fit the type of the key. */
static void key_usage(void **state)
{
    static const struct {
        const struct span *spki;
        const char *value;
        const char *rule;
    } rows[] = {
        {&rsa_spki, "\x03\x02\x04\xf0", NULL}, /* sign, commit, encipher keys and data */
        {&rsa_spki, "\x03\x02\x03\x88", "rule_key_usage"}, /* agreement */
        {&p256_spki, "\x03\x02\x03\xc8", NULL},
        {&p256_spki, "\x03\x02\x04\x90", "rule_key_usage"}, /* encipher data */
        {&ed25519_spki, "\x03\x02\x06\xc0", NULL},
        {&ed25519_spki, "\x03\x02\x03\x88", "rule_key_usage"},
        {&ed25519_spki, "\x03\x02\x06\x40", "rule_usages_consistent"}, /* commit only */
        {&mldsa_spki, "\x03\x02\x06\xc0", NULL},                       /* RFC 9881 5 */
        {&mldsa_spki, "\x03\x02\x05\xa0", "rule_key_usage"},           /* encipherment */
        {&mldsa_spki, "\x03\x02\x03\x88", "rule_key_usage"},           /* agreement */
    };
    struct parts p = good();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        p.spki = *rows[i].spki;
        p.extensions[AT_USAGE] = extension(OID_KEY_USAGE, true, rows[i].value, 4);
        if (rows[i].rule == NULL)
            assert_good(&p);
        else
            assert_broken(&p, rows[i].rule);
    }
    p = good();
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x06\xc0");
    profile.key_usage = 1;
    assert_broken(&p, "rule_profile_key_usage");
}

static void names(void **state)
{
    const char *listed[] = {"b.flow.test", "a.flow.test"};
    struct parts p = good();

    (void)state;
    profile.names_most = 0;
    assert_broken(&p, "rule_profile_names");
    profile.names_most = 1;
    assert_good(&p);
    profile.name_types = LINT_NAMES_ADDRESS;
    assert_broken(&p, "rule_profile_names");
    profile.name_types = LINT_NAMES_DNS;
    profile.names = listed;
    profile.name_count = 2;
    assert_good(&p);
    profile.name_count = 1;
    assert_broken(&p, "rule_profile_names");
    p.extensions[AT_NAMES] =
        EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, "\x30\x06\x87\x04\x7f\x00\x00\x01");
    assert_broken(&p, "rule_profile_names");
}

/* A thousand names are judged; the last one twice is found. */
static void many_names(void **state)
{
    size_t room = 32 * 1024;
    struct der_writer w = der_writer_make(arena_get(arena, room), room);
    size_t mark = der_write_mark(&w);
    struct parts p = good();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "name-%03d.flow.test", i);
        der_write_element(&w, 0x82, span_of(name));
    }
    struct der_writer twice = w;
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span value = arena_span(arena, der_write_take(&w));
    p.extensions[AT_NAMES] = extension(OID_SUBJECT_ALTERNATIVE_NAME, true,
                                       (const char *)value.data, value.len);
    assert_good(&p);
    size_t one = sizeof "name-000.flow.test" - 1 + 2;
    memcpy(twice.data + twice.at, twice.data + twice.at + 500 * one, one);
    der_write_wrap(&twice, DER_SEQUENCE, mark);
    value = der_write_take(&twice);
    p.extensions[AT_NAMES] = extension(OID_SUBJECT_ALTERNATIVE_NAME, true,
                                       (const char *)value.data, value.len);
    assert_broken(&p, "rule_names_unique");
}

/* One OCSP server at most, and no other pointer. */
static bool points(const void *context, enum lint_point kind, struct span by,
                   const struct span *urls, size_t count)
{
    return count == 0 || (context != NULL && kind == LINT_POINT_OCSP && by.len > 0 &&
                          count == 1 && urls[0].len > 0);
}

/* What the signer holds certificates against besides. */
static void pointers_and_begin(void **state)
{
    struct parts p = good();
    const struct lint_profile before = profile;

    (void)state;
    p.extensions[p.count++] =
        EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, OCSP_ACCESS);
    profile.pointers = points;
    assert_broken(&p, "rule_profile_pointers");
    profile.pointers_context = &p;
    assert_good(&p);
    profile.bounded = true;
    profile.begins_back = INT64_C(86400) * 36500;
    profile.begins_ahead = profile.begins_back;
    assert_good(&p);
    profile.begins_back = -profile.begins_ahead;
    assert_broken(&p, "rule_profile_begin");
    profile.begins_back = profile.begins_ahead;
    profile.begins_ahead = -profile.begins_back;
    assert_broken(&p, "rule_profile_begin");
    profile = before;
}

/* X-TLS-23 */
static void stapling(void **state)
{
    struct parts p = good();

    (void)state;
    profile.staple = LINT_STAPLE_ALWAYS;
    assert_broken(&p, "rule_profile_staple");
    p.extensions[p.count++] = EXTENSION(OID_TLS_FEATURE, false, "\x30\x03\x02\x01\x05");
    assert_broken(&p, "rule_tls_feature"); /* no OCSP server */
    p.extensions[p.count++] =
        EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, OCSP_ACCESS);
    assert_good(&p);
    profile.staple = LINT_STAPLE_NEVER;
    assert_broken(&p, "rule_profile_staple");
    profile.staple = LINT_STAPLE_ALLOWED;
    assert_good(&p);
    p.extensions[p.count - 2] =
        EXTENSION(OID_TLS_FEATURE, false, "\x30\x06\x02\x01\x05\x02\x01\x11");
    assert_broken(&p, "rule_tls_feature");
    p.extensions[p.count - 2] = EXTENSION(OID_TLS_FEATURE, true, "\x30\x03\x02\x01\x05");
    assert_broken(&p, "rule_tls_feature");
}

/* X-TLS-26 */
static void no_revocation(void **state)
{
    struct parts p = good();

    (void)state;
    profile.no_revocation = true;
    assert_broken(&p, "rule_profile_no_revocation");
    profile.no_revocation = false;
    p.extensions[p.count++] = EXTENSION(OID_NO_REVOCATION_AVAILABLE, false, NULL_VALUE);
    assert_broken(&p, "rule_profile_no_revocation");
    profile.no_revocation = true;
    assert_good(&p);
    p.extensions[p.count++] = EXTENSION(OID_CRL_DISTRIBUTION_POINTS, false, LISTS);
    assert_broken(&p, "rule_no_revocation");
    p.extensions[p.count - 1] =
        EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, OCSP_ACCESS);
    assert_broken(&p, "rule_no_revocation");
    p.extensions[p.count - 1] =
        EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, ACCESS);
    assert_good(&p);
    p.extensions[p.count - 2] = EXTENSION(OID_NO_REVOCATION_AVAILABLE, true, NULL_VALUE);
    assert_broken(&p, "rule_no_revocation");
    p.extensions[p.count - 2] = EXTENSION(OID_NO_REVOCATION_AVAILABLE, false, EMPTY);
    assert_broken(&p, "rule_no_revocation");
}

/* X-TLS-12 */
static void access(void **state)
{
    static const struct {
        bool critical;
        const char *value;
        size_t len;
    } bad[] = {
#define ROW(critical, value) {critical, value, sizeof(value) - 1}
        ROW(true, ACCESS),
        ROW(false, EMPTY),
        ROW(false, "\x30\x1c\x30\x1a\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0e"
                   "https://ca.a/i"),
        ROW(false, "\x30\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x82\x0d"
                   "http://ca.a/i"), /* a DNS name */
        ROW(false, "\x30\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x03\x86\x0d"
                   "http://ca.a/i"), /* timestamping */
        ROW(false, "\x30\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0d"
                   "http://ca.\xc3\xa4/"),
        ROW(false, "\x30\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0d"
                   "http:///ca.ai"),
        ROW(false, "\x30\x36\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0d"
                   "http://ca.a/i"
                   "\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x0d"
                   "http://ca.a/i"),
#undef ROW
    };
    struct parts p = good();

    (void)state;
    p.extensions[p.count++] = EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, ACCESS);
    assert_good(&p);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        p.extensions[p.count - 1] = extension(OID_AUTHORITY_INFORMATION_ACCESS,
                                              bad[i].critical, bad[i].value, bad[i].len);
        assert_broken(&p, "rule_authority_access");
    }
}

/* X-TLS-13 */
static void lists(void **state)
{
    static const struct {
        bool critical;
        const char *value;
        size_t len;
    } bad[] = {
#define ROW(critical, value) {critical, value, sizeof(value) - 1}
        ROW(true, LISTS),
        ROW(false, EMPTY),
        ROW(false, "\x30\x16\x30\x14\xa0\x12\xa0\x10\x86\x0e"
                   "https://ca.a/c"),
        ROW(false, "\x30\x15\x30\x13\xa0\x11\xa0\x0f\x86\x0d"
                   "ldap://ca.a/c"),
        /* two points; with reasons; with a CRL issuer; two names that are one */
        ROW(false, "\x30\x2a\x30\x13\xa0\x11\xa0\x0f\x86\x0d"
                   "http://ca.a/c"
                   "\x30\x13\xa0\x11\xa0\x0f\x86\x0d"
                   "http://ca.a/d"),
        ROW(false, "\x30\x19\x30\x17\xa0\x11\xa0\x0f\x86\x0d"
                   "http://ca.a/c"
                   "\x81\x02\x06\x40"),
        ROW(false, "\x30\x19\x30\x17\xa0\x11\xa0\x0f\x86\x0d"
                   "http://ca.a/c"
                   "\xa2\x02\x82\x00"),
        ROW(false, "\x30\x24\x30\x22\xa0\x20\xa0\x1e\x86\x0d"
                   "http://ca.a/c"
                   "\x86\x0d"
                   "http://ca.a/c"),
#undef ROW
    };
    struct parts p = good();

    (void)state;
    p.extensions[p.count++] = EXTENSION(OID_CRL_DISTRIBUTION_POINTS, false, LISTS);
    assert_good(&p);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        p.extensions[p.count - 1] = extension(OID_CRL_DISTRIBUTION_POINTS,
                                              bad[i].critical, bad[i].value, bad[i].len);
        assert_broken(&p, "rule_distribution_point");
    }
}

/* X-CT-1 */
static void poison(void **state)
{
    struct parts p = good();

    (void)state;
    question.kind = LINT_PRECERTIFICATE;
    assert_broken(&p, "rule_poison");
    p.extensions[p.count++] = EXTENSION(OID_PRECERTIFICATE_POISON, true, NULL_VALUE);
    assert_good(&p);
    p.extensions[p.count - 1] = EXTENSION(OID_PRECERTIFICATE_POISON, false, NULL_VALUE);
    assert_broken(&p, "rule_poison");
    p.extensions[p.count - 1] = EXTENSION(OID_PRECERTIFICATE_POISON, true, EMPTY);
    assert_broken(&p, "rule_poison");
    p.extensions[p.count - 1] = EXTENSION(OID_PRECERTIFICATE_POISON, true, NULL_VALUE);
    p.extensions[p.count++] =
        EXTENSION(OID_SIGNED_CERTIFICATE_TIMESTAMPS, false, "\x04\x00");
    assert_broken(&p, "rule_extensions_known"); /* both */
    p.count--;
    question.kind = LINT_CERTIFICATE;
    assert_broken(&p, "rule_extensions_known");
}

/* A timestamp of version 1, `last` is the last octet of its log's number, with an ECDSA
 * signature of two octets. */
static size_t timestamp(char *to, char last)
{
    static const char begin[] = "\x00\x31\x00"
                                "llllllllllllllllllllllllllllllll"
                                "tttttttt\x00\x00\x04\x03\x00\x02ss";
    size_t len = sizeof begin - 1;

    memcpy(to, begin, len);
    to[34] = last;
    return len;
}

/* X-TLS-15 */
static void timestamps(void **state)
{
    char list[300];
    struct parts p = good();
    size_t at = p.count++;
    size_t one = timestamp(list + 4, 'a');

    (void)state;
    (void)timestamp(list + 4 + one, 'b');
    list[0] = 0x04;
    list[1] = (char)(2 * one + 2);
    list[2] = 0;
    list[3] = (char)(2 * one);
#define PUT(len)                                                                         \
    p.extensions[at] = extension(OID_SIGNED_CERTIFICATE_TIMESTAMPS, false, list, len)
    PUT(2 * one + 4);
    assert_good(&p);
    profile.timestamps = true;
    assert_good(&p);
    p.count--; /* a profile that has them */
    assert_broken(&p, "rule_profile_timestamps");
    profile.timestamps = false;
    assert_good(&p);
    p.count++;
    list[3]--; /* shorter than the two */
    PUT(2 * one + 4);
    assert_broken(&p, "rule_timestamps");
    list[3]++;
    (void)timestamp(list + 4 + one, 'a'); /* of one log */
    PUT(2 * one + 4);
    assert_broken(&p, "rule_timestamps");
    list[1] = (char)(one + 2);
    list[3] = (char)one;
    PUT(one + 4);
    assert_good(&p);
    list[6] = 1; /* version 2 */
    PUT(one + 4);
    assert_broken(&p, "rule_timestamps");
    list[6] = 0;
    list[5]++; /* longer than it is */
    PUT(one + 4);
    assert_broken(&p, "rule_timestamps");
    list[5]--;
    list[4 + one - 3]--; /* the signature shorter */
    PUT(one + 4);
    assert_broken(&p, "rule_timestamps");
    p.extensions[at] =
        EXTENSION(OID_SIGNED_CERTIFICATE_TIMESTAMPS, false, "\x04\x02\x00\x00");
    assert_broken(&p, "rule_timestamps"); /* none */
    p.extensions[at] = EXTENSION(OID_SIGNED_CERTIFICATE_TIMESTAMPS, false, "\x04\x00");
    assert_broken(&p, "rule_timestamps");
    p.extensions[at] = EXTENSION(OID_SIGNED_CERTIFICATE_TIMESTAMPS, false, EMPTY);
    assert_broken(&p, "rule_timestamps");
    list[4 + one - 3]++;
    p.extensions[at] = extension(OID_SIGNED_CERTIFICATE_TIMESTAMPS, true, list, one + 4);
    assert_broken(&p, "rule_timestamps");
#undef PUT
}

/* X-CA-5 */
static void issuer_usages(void **state)
{
    static const char client[] = "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02";
    static const char both[] = "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
                               "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";
    static const char any[] = "\x30\x06\x06\x04\x55\x1d\x25\x00";
    struct parts p = good();

    (void)state;
    issuer.usages = span_make(client, sizeof client - 1);
    assert_broken(&p, "rule_issuer_usages");
    issuer.usages = span_make(both, sizeof both - 1);
    assert_good(&p);
    issuer.usages = span_make(any, sizeof any - 1);
    assert_good(&p);
}

/* X-CA-5: of the issuer, and of one above it. */
static void name_constraints(void **state)
{
    static const struct {
        const char *permitted;
        bool good;
    } rows[] = {{"test", true}, {"corp.example", false}, {"", true}};
    struct parts p = good();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct span dns = span_of(rows[i].permitted);
        issuer.constraint_count = 2;
        issuer.constraints[0] = (struct name_constraints){0};
        issuer.constraints[1] =
            (struct name_constraints){.permitted = {.dns = &dns, .dns_count = 1}};
        if (rows[i].good)
            assert_good(&p);
        else
            assert_broken(&p, "rule_name_constraints");
    }
}

int lint_profile_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(no_profile),
        TEST(key_types),
        TEST(key_usage),
        TEST(names),
        TEST(many_names),
        TEST(stapling),
        TEST(pointers_and_begin),
        TEST(no_revocation),
        TEST(access),
        TEST(lists),
        TEST(poison),
        TEST(timestamps),
        TEST(issuer_usages),
        TEST(name_constraints),
    };
#undef TEST
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
