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

/* What the CA writes is good for its own lint, at the bounds too. */
static void the_template_s(void **state)
{
    static const char *const names[] = {"a.flow.test", "xn--fiqs8s.test", "printer"};
    struct template_issuer from = {issuer.name, issuer.key_id, issuer.signature_kind, 0,
                                   issuer.not_after};
    struct template_leaf leaf = {.not_before = NOW,
                                 .not_after = NOW + LIFETIME - 1,
                                 .dns_names = names,
                                 .dns_name_count = 3,
                                 .spki = p256_spki,
                                 .key_type = KEY_P256};
    const struct lint_pass *pass = NULL;
    struct err_info why = {0};
    struct span tbs = {0};

    (void)state;
    serial_make(NOW, leaf.serial);
    assert_int_equal(template_leaf_write(arena, &from, &leaf, &tbs, NULL), ERR_OK);
    if (lint_tbs(arena, &issuer, tbs, &pass, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    leaf.not_after++;
    assert_int_equal(template_leaf_write(arena, &from, &leaf, &tbs, NULL), ERR_OK);
    assert_int_equal(lint_tbs(arena, &issuer, tbs, &pass, &why), ERR_LINT);
}

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

static void validity(void **state)
{
    struct parts p = good();

    (void)state;
    p.not_after = NOW + LIFETIME; /* a second too long */
    assert_broken(&p, "rule_validity");
    p.not_after = NOW - 1;
    assert_broken(&p, "rule_validity");
    p = good();
    p.generalized = true;
    assert_broken(&p, "rule_validity");
    p = good();
    p.not_before = issuer.not_after - 10 * DAY;
    p.not_after = issuer.not_after;
    assert_good(&p);
    p.not_after = issuer.not_after + 1;
    assert_broken(&p, "rule_validity");
}

static void subject(void **state)
{
    static const char common_name[] =
        "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x";
    struct parts p = good();

    (void)state;
    p.subject = span_make(common_name, sizeof common_name - 1);
    assert_broken(&p, "rule_subject");
}

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
    p.spki = span_make(EMPTY, 2);
    assert_broken(&p, "rule_subject_key");
    /* a point that is not on its curve */
    uint8_t *off = arena_copy(arena, p256_spki.data, p256_spki.len);
    off[p256_spki.len - 1] ^= 1;
    p = good();
    p.spki = span_make(off, p256_spki.len);
    assert_broken(&p, "rule_subject_key");
}

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
    p.extensions[p.count++] = EXTENSION(OID_TLS_FEATURE, false, "\x30\x03\x02\x01\x05");
    assert_broken(&p, "rule_extensions_known");
}

/* Without one of the others, or with a wrong one. */
static void each_extension(void **state)
{
    static const struct {
        int at;
        enum oid oid;
        bool critical;
        const char *value;
        size_t len;
        const char *rule;
    } rows[] = {
#define ROW(at, oid, critical, value, rule)                                              \
    {at, oid, critical, value, sizeof(value) - 1, rule}
        ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, false, EMPTY, "rule_basic_constraints"),
        ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "\x30\x03\x01\x01\xff",
            "rule_basic_constraints"),
        ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "\x30\x03\x01\x01\x00",
            "rule_basic_constraints"),
        ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "\x30\x03\x02\x01\x00",
            "rule_basic_constraints"),
        ROW(AT_BASIC, OID_BASIC_CONSTRAINTS, true, "", "rule_basic_constraints"),
        ROW(AT_USAGE, OID_KEY_USAGE, false, USAGE_SIGN, "rule_key_usage"),
        ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x05\xa0", "rule_key_usage"),
        ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x02\x84", "rule_key_usage"),
        ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x01\x82", "rule_key_usage"),
        ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x05\x20", "rule_key_usage"),
        ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x01\x00", "rule_key_usage"),
        ROW(AT_USAGE, OID_KEY_USAGE, true, "\x03\x02\x00\x80", "rule_key_usage"),
        ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
            "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02",
            "rule_extended_key_usage"),
        ROW(AT_EXTENDED, OID_EXTENDED_KEY_USAGE, false,
            "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
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
        ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, false, NAMES,
            "rule_alternative_names"),
        ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true, EMPTY,
            "rule_alternative_names"),
        ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true,
            "\x30\x06\x87\x04\x7f\x00\x00\x01", "rule_alternative_names"),
        ROW(AT_NAMES, OID_SUBJECT_ALTERNATIVE_NAME, true, NAMES "x",
            "rule_alternative_names"),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parts p = good();
        p.extensions[rows[i].at] =
            extension(rows[i].oid, rows[i].critical, rows[i].value, rows[i].len);
        assert_broken(&p, rows[i].rule);
        p.extensions[rows[i].at] = p.extensions[p.count - 1];
        p.count--;
        if (rows[i].at != AT_POLICY)
            assert_broken(&p, rows[i].rule);
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

/* No certificate at all, cut anywhere, or version 1: refused before any rule. */
static void malformed(void **state)
{
    const struct lint_pass *pass = NULL;
    struct parts p = good();
    struct span whole = put_together(&p);

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(lint_tbs(arena, &issuer, span_slice(whole, 0, len), &pass, NULL),
                         ERR_LINT);
    p.version = 0;
    assert_int_equal(lint_tbs(arena, &issuer, put_together(&p), &pass, NULL), ERR_LINT);
    p = good();
    /* critical FALSE written out: a default that DER leaves out */
    static const char usage[] = "\x30\x11\x06\x03\x55\x1d\x25\x01\x01\x00\x04\x07"
                                "\x30\x05\x06\x03\x2a\x03\x04";
    p.extensions[AT_EXTENDED] = span_make(usage, sizeof usage - 1);
    assert_int_equal(lint_tbs(arena, &issuer, put_together(&p), &pass, NULL), ERR_LINT);
    assert_null(pass);
}

static int set_up(void **state)
{
    static const char name[] = "\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04Test";
    struct key *key = NULL;

    (void)state;
    arena = arena_new();
    issuer.name = span_make(name, sizeof name - 1);
    issuer.key_id = span_of(KEY_ID);
    issuer.signature_kind = KEY_SIGNATURE_ECDSA_SHA256;
    issuer.not_after = NOW + 1000 * DAY;
    issuer.max_lifetime = LIFETIME;
    if (key_generate(KEY_P256, 0, &key, NULL) != ERR_OK)
        return -1;
    p256_spki = arena_span(arena, key_spki(key));
    key_free(key);
    rsa_spki = rsa_key(256, "\x01\x00\x01", 3, 0xc0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one),
        cmocka_unit_test(the_template_s),
        cmocka_unit_test(serial),
        cmocka_unit_test(signature_algorithm),
        cmocka_unit_test(the_issuer),
        cmocka_unit_test(validity),
        cmocka_unit_test(subject),
        cmocka_unit_test(subject_key),
        cmocka_unit_test(extensions_unique),
        cmocka_unit_test(extensions_known),
        cmocka_unit_test(each_extension),
        cmocka_unit_test(names),
        cmocka_unit_test(malformed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
