/* Tests of server/lint: a certificate broken for one rule only is refused in that rule's
 * name, a good one passes. */
#include "lint_parts.h"

static void a_good_one(void **state)
{
    struct parts p = good();

    (void)state;
    assert_good(&p);
    p.spki = rsa_spki;
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\xa0");
    assert_good(&p);
}

static void addresses(void **state)
{
    struct parts p = good();

    (void)state;
    p.extensions[AT_NAMES] =
        EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, "\x30\x06\x87\x04\x7f\x00\x00\x01");
    assert_good(&p);
    p.extensions[AT_NAMES] =
        EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true,
                  "\x30\x15\x82\x01"
                  "a\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
    assert_good(&p);
}

/* What the CA writes is good for its own lint, at the bounds too. */
static void the_template_s(void **state)
{
    static const char *const names[] = {"a.flow.test", "xn--fiqs8s.test", "printer"};
    const struct span numbers[] = {span_of("v4v4"), span_of("v6v6v6v6v6v6v6v6")};
    struct template_issuer from = {issuer.name, issuer.key_id, issuer.signature_kind, 0,
                                   issuer.not_after};
    const struct span usage = oid_octets(OID_SERVER_AUTH);
    const struct span policy = oid_octets(OID_DOMAIN_VALIDATED);
    struct template_leaf leaf = {.usages = {&usage, 1},
                                 .policies = {&policy, 1},
                                 .not_before = NOW,
                                 .not_after = NOW + LIFETIME - 1,
                                 .dns_names = names,
                                 .dns_name_count = 3,
                                 .addresses = numbers,
                                 .address_count = 2,
                                 .spki = p256_spki,
                                 .key_type = KEY_P256};
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};
    struct span tbs = {0};

    (void)state;
    serial_make(NOW, leaf.serial);
    assert_int_equal(template_leaf_write(arena, &from, &leaf, &tbs, NULL), ERR_OK);
    if (lint_tbs(arena, &question, tbs, &pass, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    leaf.not_after++;
    assert_int_equal(template_leaf_write(arena, &from, &leaf, &tbs, NULL), ERR_OK);
    assert_int_equal(lint_tbs(arena, &question, tbs, &pass, &why), ERR_LINT);
}

/* X-GEN-2, 3 */
static void serial(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } bad[] = {{"\xaa-16-octets-here", 16},
               {"\x2a-two", 5},
               {"\x2a-eight-", 8},
               {"\x2a-twenty-one-octets-x", 21}};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct parts p = good();
        p.serial = span_make(bad[i].octets, bad[i].len);
        assert_broken(&p, "rule_serial");
    }
    struct parts p = good();
    p.serial = span_of("\x2a-nine-oc");
    assert_good(&p);
    p.serial = span_of("\x2a-twenty-octets-----");
    assert_good(&p);
}

static void signature_algorithm(void **state)
{
    struct parts p = good();

    (void)state;
    p.signature = KEY_SIGNATURE_ECDSA_SHA384;
    assert_broken(&p, "rule_signature_algorithm");
    p.signature = KEY_SIGNATURE_RS256;
    assert_broken(&p, "rule_signature_algorithm");
}

/* X-GEN-6 */
static void the_issuer(void **state)
{
    struct parts p = good();

    (void)state;
    p.issuer = span_make(EMPTY, 2);
    assert_broken(&p, "rule_issuer");
    uint8_t *other = arena_copy(arena, issuer.name.data, issuer.name.len);
    other[issuer.name.len - 1] ^= 0x20; /* only the case of a letter */
    p.issuer = span_make(other, issuer.name.len);
    assert_broken(&p, "rule_issuer");
}

/* X-GEN-7, 8, 12 */
static void validity(void **state)
{
    struct parts p = good();

    (void)state;
    p.not_after = NOW + LIFETIME; /* a second too long */
    assert_broken(&p, "rule_profile_lifetime");
    p.not_after = NOW - 1;
    assert_broken(&p, "rule_validity");
    p = good();
    p.generalized = true;
    assert_broken(&p, "rule_time_encoding");
    p = good();
    p.not_before = NOW;
    p.not_after = 2524607999;
    profile.lifetime = p.not_after;
    issuer.not_after = 2524608000;
    assert_good(&p);
    p.not_after++; /* the first second of 2050 is a GeneralizedTime */
    assert_good(&p);
    issuer.not_after = NOW + 1000 * DAY;
    profile.lifetime = LIFETIME;
    p = good();
    p.not_before = issuer.not_after - 10 * DAY;
    p.not_after = issuer.not_after;
    assert_good(&p);
    p.not_after = issuer.not_after + 1;
    assert_broken(&p, "rule_validity");
}

/* X-TLS-7, 8 */
static void subject(void **state)
{
    const char *unit[] = {"U=x", "N=a.flow.test", NULL};
    const char *other[] = {"N=x", NULL};
    const char *same[] = {"N=a.flow.test", NULL};
    const char *number[] = {"N=192.0.2.1", NULL};
    struct parts p = good();

    (void)state;
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, false, NAMES);
    p.subject = name_of(unit);
    assert_broken(&p, "rule_subject");
    p.subject = name_of(other);
    assert_broken(&p, "rule_common_name");
    p.subject = name_of(number);
    assert_broken(&p, "rule_common_name");
    p.subject = name_of(same);
    assert_good(&p);
    profile.common_name = false;
    assert_broken(&p, "rule_profile_common_name");
    profile.common_name = true;
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, NAMES);
    assert_broken(&p, "rule_alternative_names"); /* X-GEN-15: critical beside a name */
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, false,
                                       "\x30\x06\x87\x04\xc0\x00\x02\x01");
    assert_broken(&p, "rule_common_name");
    p.subject = name_of(number);
    assert_good(&p);
}

/* X-TLS-19, 20 */
static void subject_key(void **state)
{
    struct parts p = good();

    (void)state;
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\xa0");
    p.spki = rsa_key(256, "\x01\x00\x01", 3, 0xc0);
    assert_good(&p);
    p.spki = rsa_key(512, "\x01\x00\x01", 3, 0xc0);
    assert_good(&p);
    p.spki = rsa_key(513, "\x01\x00\x01", 3, 0xc0); /* 4104 bits */
    assert_broken(&p, "rule_subject_key");
    p.spki = rsa_key(257, "\x01\x00\x01", 3, 0x0c); /* 2052 bits */
    assert_broken(&p, "rule_subject_key");
    p.spki = rsa_key(256, "\x01\x00\x01", 3, 0x7f); /* 2047 bits */
    assert_broken(&p, "rule_subject_key");
    p.spki = rsa_key(256, "\x03", 1, 0xc0);
    assert_broken(&p, "rule_subject_key");
    p.spki = rsa_key(256, "\xff\xff", 2, 0xc0);
    assert_broken(&p, "rule_subject_key");
    static const char wide[] = "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
    p.spki = rsa_key(256, wide, sizeof wide - 1, 0xc0); /* 2^256 + 1 */
    assert_broken(&p, "rule_subject_key");
    /* a point that is not on its curve */
    uint8_t *off = arena_copy(arena, p256_spki.data, p256_spki.len);
    off[p256_spki.len - 1] ^= 1;
    p = good();
    p.spki = span_make(off, p256_spki.len);
    assert_broken(&p, "rule_subject_key");
}

/* X-GEN-11 */
static void extensions_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        struct parts p = good();
        p.extensions[p.count++] = p.extensions[i];
        assert_broken(&p, "rule_extensions_unique");
    }
}

static void extensions_known(void **state)
{
    struct parts p = good();

    (void)state;
    p.extensions[p.count++] = EXTENSION(OID_CRL_NUMBER, false, "\x02\x01\x05");
    assert_broken(&p, "rule_extensions_known");
    /* X-TLS-14 */
    p.extensions[p.count - 1] = EXTENSION(OID_NAME_CONSTRAINTS, true, EMPTY);
    assert_broken(&p, "rule_extensions_known");
    p.extensions[p.count - 1] = EXTENSION(OID_OCSP_NO_CHECK, false, NULL_VALUE);
    assert_broken(&p, "rule_extensions_known");
}

static const struct {
    int at;
    enum oid oid;
    bool critical;
    const char *value;
    size_t len;
    const char *rule;
} broken[] = {
#define ROW(at, oid, critical, value, rule)                                              \
    {                                                                                    \
        at, oid, critical, value, sizeof(value) - 1, rule                                \
    }
    ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, false, EMPTY, "rule_basic_constraints"),
    ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "\x30\x03\x01\x01\xff",
        "rule_basic_constraints"),
    ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "\x30\x03\x01\x01\x00",
        "rule_basic_constraints"),
    ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "\x30\x03\x02\x01\x00",
        "rule_basic_constraints"),
    ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "", "rule_der"),
    ROW(AT_USAGE, OID_KEY_USAGE, false, USAGE_SIGN, "rule_key_usage"),
    ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x05\xa0", "rule_key_usage"),
    ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x02\x84", "rule_key_usage"),
    ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x01\x82", "rule_key_usage"),
    ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x05\x20", "rule_key_usage"),
    ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x01\x00", "rule_key_usage"),
    ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x00\x80", "rule_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09", /* OCSP */
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x16\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
        "\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x04", /* X-CT-2 */
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08", /* RFC 3161 2.3 */
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, true, SERVER_AUTH,
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x06\x06\x04\x55\x1d\x25\x00", /* any */
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
        "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01",
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
        "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04",
        "rule_profile_usages"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
        "\x30\x1e\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
        "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
        "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02",
        "rule_extended_key_usage"),
    ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false, EMPTY, "rule_extended_key_usage"),
    ROW(AT_AUTHORITY, OID_AUTHORITY_KEY_IDENTIFIER, true, AUTHORITY,
        "rule_authority_key_id"),
    ROW(AT_AUTHORITY, OID_AUTHORITY_KEY_IDENTIFIER, false,
        "\x30\x16\x80\x14kkkkkkkkkkkkkkkkkkkl", "rule_authority_key_id"),
    ROW(AT_AUTHORITY, OID_AUTHORITY_KEY_IDENTIFIER, false, EMPTY,
        "rule_authority_key_id"),
    ROW(AT_AUTHORITY, OID_AUTHORITY_KEY_IDENTIFIER, false,
        "\x30\x19\x80\x14" KEY_ID "\x82\x01\x01", "rule_authority_key_id"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, false, NAMES, "rule_alternative_names"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true, EMPTY, "rule_alternative_names"),
    /* an e-mail address; addresses of 5 octets, of 0, of IPv4 in IPv6 */
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true,
        "\x30\x05\x81\x03"
        "a@b",
        "rule_alternative_names"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true,
        "\x30\x07\x87\x05\x7f\x00\x00\x01\x00", "rule_alternative_names"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true, "\x30\x02\x87\x00",
        "rule_alternative_names"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true,
        "\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1",
        "rule_alternative_names"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true, NAMES "x", "rule_der"),
    ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true,
        "\x30\x1a\x82\x0b"
        "a.flow.test"
        "\x82\x0b"
        "a.flow.test",
        "rule_names_unique"),
    ROW(AT_POLICY, OID_CERTIFICATE_POLICIES, true, POLICY, "rule_certificate_policies"),
    ROW(AT_POLICY, OID_CERTIFICATE_POLICIES, false, EMPTY, "rule_certificate_policies"),
    ROW(AT_POLICY, OID_CERTIFICATE_POLICIES, false,
        "\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00", /* any */
        "rule_certificate_policies"),
    ROW(AT_POLICY, OID_CERTIFICATE_POLICIES, false,
        "\x30\x14\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01"
        "\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01",
        "rule_certificate_policies"),
    ROW(AT_POLICY, OID_CERTIFICATE_POLICIES, false,
        "\x30\x0c\x30\x0a\x06\x06\x67\x81\x0c\x01\x02\x01\x30\x00",
        "rule_certificate_policies"),
    ROW(AT_POLICY, OID_CERTIFICATE_POLICIES, false,
        "\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x02", "rule_profile_policies"),
    ROW(AT_SUBJECT_KEY, OID_SUBJECT_KEY_IDENTIFIER, true, SUBJECT_KEY,
        "rule_subject_key_id"),
    ROW(AT_SUBJECT_KEY, OID_SUBJECT_KEY_IDENTIFIER, false, "\x04\x00",
        "rule_subject_key_id"),
    ROW(AT_SUBJECT_KEY, OID_SUBJECT_KEY_IDENTIFIER, false, "\x30\x00",
        "rule_subject_key_id"),
#undef ROW
};

/* X-GEN-13, 15, 17, X-TLS-4, 9, 10, 14: Without one of the others, or with a wrong one.
 */
static void each_extension(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct parts p = good();
        p.extensions[broken[i].at] =
            extension(broken[i].oid, broken[i].critical, broken[i].value, broken[i].len);
        assert_broken(&p, broken[i].rule);
        p.extensions[broken[i].at] = p.extensions[p.count - 1];
        p.count--;
        if (broken[i].at != AT_POLICY && broken[i].at != AT_SUBJECT_KEY &&
            strcmp(broken[i].rule, "rule_der") != 0 &&
            strcmp(broken[i].rule, "rule_names_unique") != 0 &&
            strcmp(broken[i].rule, "rule_profile_usages") != 0)
            assert_broken(&p, broken[i].rule);
    }
}

static void names(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        {"a", true},
        {"a.b", true},
        {"*.flow.test", true},
        {"1.2.3.flow.test", true},
        {"a--b.flow.test", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", false},
        {"", false},
        {".", false},
        {"a.", false},
        {".a", false},
        {"a..b", false},
        {"A.flow.test", false},
        {"a_b.flow.test", false},
        {"-a.flow.test", false},
        {"a-.flow.test", false},
        {"a b.flow.test", false},
        {"*", false},
        {"*.", false},
        {"a.*.flow.test", false},
        {"**.flow.test", false},
        {"\xc3\xa4.flow.test", false},
        {"a/b", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[256] = {0x30};
        size_t len = strlen(rows[i].name);
        struct parts p = good();
        value[1] = (char)(len + 2);
        value[2] = (char)0x82;
        value[3] = (char)len;
        memcpy(value + 4, rows[i].name, len);
        p.extensions[AT_NAMES] =
            extension(OID_SUBJECT_ALTERNATIVE_NAME, true, value, len + 4);
        if (rows[i].good)
            assert_good(&p);
        else
            assert_broken(&p, "rule_alternative_names");
    }
}

/* X-GEN-1, 10: No certificate at all, cut anywhere, or version 1: refused before any
 * rule. */
static void malformed(void **state)
{
    const struct lint_pass *pass = NULL;
    struct parts p = good();
    struct span whole = put_together(&p);

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(
            lint_tbs(arena, &question, span_slice(whole, 0, len), &pass, NULL), ERR_LINT);
    p.version = 0;
    assert_int_equal(lint_tbs(arena, &question, put_together(&p), &pass, NULL), ERR_LINT);
    p = good();
    /* critical FALSE written out: a default that DER leaves out */
    static const char usage[] = "\x30\x11\x06\x03\x55\x1d\x25\x01\x01\x00\x04\x07"
                                "\x30\x05\x06\x03\x2a\x03\x04";
    p.extensions[AT_EXTENDED] = span_make(usage, sizeof usage - 1);
    assert_int_equal(lint_tbs(arena, &question, put_together(&p), &pass, NULL), ERR_LINT);
    assert_null(pass);
}

/* Whatever else is in lints.def must have been seen to complain, here or in the other
 * files. */
static int each_rule_was_broken(void)
{
    static const char *const rules[] = {
#define LINT(function, kinds, set, severity, citation) #function,
#include "server/lint/lints.def"
#undef LINT
    };
    int missing = 0;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (!was_seen(rules[i])) {
            print_error("%s: no certificate breaks it\n", rules[i]);
            missing++;
        }
    return missing;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_template_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serial, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signature_algorithm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_issuer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(validity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(subject, set_up, tear_down),
        cmocka_unit_test_setup_teardown(subject_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(extensions_unique, set_up, tear_down),
        cmocka_unit_test_setup_teardown(extensions_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_extension, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests_name("lint", tests, NULL, NULL) +
                 lint_public_run() + lint_ca_run() + lint_profile_run() +
                 lint_attestation_run() + lint_device_run() + lint_signed_run();
    return failed + each_rule_was_broken();
}
