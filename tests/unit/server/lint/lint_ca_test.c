/* Tests of server/lint: certificates of CAs and of responders, and names of subjects. */
#include "lint_parts.h"

#define KEY_SIGN "\x03\x02\x01\x06" /* keyCertSign, cRLSign */
#define IS_CA    "\x30\x03\x01\x01\xff"

static const char *const public_name[] = {"C=DE", "O=Example", "N=Example CA", NULL};

/* X-CA-1: a root. */
static struct parts root(void)
{
    struct parts p = good();

    p.subject = name_of(public_name);
    p.issuer = p.subject;
    p.not_after = NOW + 3650 * DAY;
    p.extensions[0] = EXTENSION(OID_KEY_USAGE, true, KEY_SIGN);
    p.extensions[1] = EXTENSION(OID_BASIC_CONSTRAINTS, true, IS_CA);
    p.extensions[2] = EXTENSION(OID_SUBJECT_KEY_IDENTIFIER, false, "\x04\x14" KEY_ID);
    p.count = 3;
    return p;
}

enum {
    CA_USAGE,
    CA_BASIC,
    CA_KEY,
    CA_AUTHORITY,
    CA_USAGES,
    CA_POLICIES,
    CA_LISTS,
    CA_ACCESS
};

/* X-CA-2: one below it, for TLS. */
static struct parts subordinate(void)
{
    struct parts p = root();

    issuer.path_length = LINT_PATH_ANY;
    p.issuer = issuer.name;
    p.not_after = issuer.not_after;
    p.extensions[CA_BASIC] =
        EXTENSION(OID_BASIC_CONSTRAINTS, true, "\x30\x06\x01\x01\xff\x02\x01\x00");
    p.extensions[CA_AUTHORITY] =
        EXTENSION(OID_AUTHORITY_KEY_IDENTIFIER, false, AUTHORITY);
    p.extensions[CA_USAGES] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    p.extensions[CA_POLICIES] = EXTENSION(OID_CERTIFICATE_POLICIES, false, POLICY);
    p.extensions[CA_LISTS] = EXTENSION(OID_CRL_DISTRIBUTION_POINTS, false, LISTS);
    p.extensions[CA_ACCESS] = EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, ACCESS);
    p.count = 8;
    return p;
}

static void good_ones(void **state)
{
    const char *plain[] = {"N=A CA", NULL};
    struct parts p = root();

    (void)state;
    assert_ca(&p, NULL, LINT_SET_BR, NULL);
    p.extensions[CA_USAGE] =
        EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x01\x86"); /* digitalSignature too */
    assert_ca(&p, NULL, LINT_SET_BR, NULL);
    p.subject = name_of(plain);
    p.issuer = p.subject;
    p.not_after = NOW + 20 * DAY;
    p.extensions[CA_AUTHORITY] =
        EXTENSION(OID_AUTHORITY_KEY_IDENTIFIER, false, AUTHORITY);
    p.count = 4;
    assert_ca(&p, NULL, LINT_SET_RFC5280, NULL);
    p = subordinate();
    assert_ca(&p, &issuer, LINT_SET_BR, NULL);
    p.count = 4;
    p.subject = name_of(plain);
    assert_ca(&p, &issuer, LINT_SET_RFC5280, NULL);
}

/* X-CA-1, X-GEN-14 */
static void broken_roots(void **state)
{
    const char *unit[] = {"C=DE", "O=Example", "U=x", "N=Example CA", NULL};
    const char *nobody[] = {NULL};
    struct parts p = root();

    (void)state;
    p.issuer = issuer.name;
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_issuer");
    p = root();
    p.extensions[CA_BASIC] = EXTENSION(OID_BASIC_CONSTRAINTS, false, IS_CA);
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_ca_basic_constraints");
    p.extensions[CA_BASIC] = EXTENSION(OID_BASIC_CONSTRAINTS, true, EMPTY);
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_ca_basic_constraints");
    p.extensions[CA_BASIC] =
        EXTENSION(OID_BASIC_CONSTRAINTS, true, "\x30\x06\x01\x01\xff\x02\x01\x01");
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_path_absent");
    p = root();
    p.extensions[CA_USAGE] = EXTENSION(OID_KEY_USAGE, false, KEY_SIGN);
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_ca_key_usage");
    p.extensions[CA_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x02\x04");
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_ca_key_usage");
    p.extensions[CA_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x01\x26");
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_ca_key_usage");
    p = root();
    p.count = 2;
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_subject_key_id");
    p = root();
    p.extensions[p.count++] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_usages");
    p = root();
    p.not_after = NOW + 2922 * DAY - 2;
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_lifetime");
    p.not_after = NOW + 9132 * DAY;
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_lifetime");
    p = root();
    p.not_before = NOW - DAY - 1;
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_lifetime");
    /* X-CA-3 */
    p = root();
    p.subject = name_of(public_name + 1);
    p.issuer = p.subject;
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_subject_public");
    p.subject = name_of(unit);
    p.issuer = p.subject;
    assert_ca(&p, NULL, LINT_SET_BR, "rule_ca_subject_public");
    p.subject = name_of(nobody);
    p.issuer = p.subject;
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_ca_subject");
    p = root();
    p.extensions[p.count++] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, false, NAMES);
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_extensions_known");
    /* the usages are no list of identifiers: what no rule reads is refused as well */
    p.extensions[p.count - 1] =
        EXTENSION(OID_EXTENDED_KEY_USAGE, false, "\x30\x02\x05\x00");
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_extensions_readable");
}

static void broken_subordinates(void **state)
{
    static const struct {
        int at;
        const char *rule;
    } missing[] = {{CA_AUTHORITY, "rule_authority_key_id"},
                   {CA_USAGES, "rule_ca_usages"},
                   {CA_POLICIES, "rule_ca_policies"},
                   {CA_LISTS, "rule_ca_distribution_point"},
                   {CA_ACCESS, "rule_ca_authority_access"}};
    struct parts p = subordinate();

    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        p = subordinate();
        p.extensions[missing[i].at] = p.extensions[--p.count];
        assert_ca(&p, &issuer, LINT_SET_BR, missing[i].rule);
    }
    p = subordinate();
    p.extensions[CA_USAGES] = EXTENSION(OID_EXTENDED_KEY_USAGE, false,
                                        "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
                                        "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09");
    assert_ca(&p, &issuer, LINT_SET_BR, "rule_ca_usages");
    /* X-CA-5: no CA below one that may have none, none that allows more */
    p = subordinate();
    issuer.path_length = 0;
    assert_ca(&p, &issuer, LINT_SET_RFC5280, "rule_ca_path");
    issuer.path_length = 1;
    assert_ca(&p, &issuer, LINT_SET_RFC5280, NULL);
    p.extensions[CA_BASIC] =
        EXTENSION(OID_BASIC_CONSTRAINTS, true, "\x30\x06\x01\x01\xff\x02\x01\x01");
    assert_ca(&p, &issuer, LINT_SET_RFC5280, "rule_ca_path");
    p.extensions[CA_BASIC] = EXTENSION(OID_BASIC_CONSTRAINTS, true, IS_CA);
    assert_ca(&p, &issuer, LINT_SET_RFC5280, "rule_ca_path");
}

/* X-CA-4 */
static void name_constraints(void **state)
{
    static const struct {
        bool critical;
        const char *value;
        size_t len;
        const char *rule;
    } rows[] = {
#define ROW(critical, value, rule) {critical, value, sizeof(value) - 1, rule}
        ROW(true, "\x30\x0a\xa0\x08\x30\x06\x82\x04test", NULL),
        ROW(false, "\x30\x0a\xa0\x08\x30\x06\x82\x04test", "rule_ca_name_constraints"),
        ROW(true, EMPTY, "rule_ca_name_constraints"),
        ROW(true, "\x30\x02\xa0\x00", "rule_ca_name_constraints"),
        /* a minimum */
        ROW(true, "\x30\x0d\xa0\x0b\x30\x09\x82\x04test\x80\x01\x01",
            "rule_ca_name_constraints"),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parts p = subordinate();
        p.extensions[p.count++] =
            extension(OID_NAME_CONSTRAINTS, rows[i].critical, rows[i].value, rows[i].len);
        assert_ca(&p, &issuer, LINT_SET_BR, rows[i].rule);
    }
}

/* X-GEN-18, 19 */
static void name_strings(void **state)
{
#define TEN "1234567890"
    const char *rows[][5] = {
        {"N=" TEN TEN TEN TEN TEN TEN "12345", NULL}, /* 65 */
        {"N=", NULL},
        {"C=DEU", "N=x", NULL},
        {"C=D", "N=x", NULL},
        {"C=D_", "N=x", NULL},
        {"X=x", "N=x", NULL},
        {"N=x", "N=y", NULL},
        {"N=x", "+C=DE", NULL},
        {"N=a\nb", NULL},
        {"N=\xc0\xaf", NULL},
        {"N=\xed\xa0\x80", NULL},
        {"N=\xc3", NULL},
        {"N=\xf4\x90\x80\x80", NULL},
    };
    const char *longest[] = {"N=" TEN TEN TEN TEN TEN TEN "123\xc3\xa4", NULL}; /* 64 */
    const char *bmp = "\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x1e\x02\x00x";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parts p = root();
        p.subject = name_of(rows[i]);
        p.issuer = p.subject;
        assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_name_strings");
    }
    struct parts p = root();
    p.subject = name_of(longest);
    p.issuer = p.subject;
    assert_ca(&p, NULL, LINT_SET_RFC5280, NULL);
    p.subject = span_make(bmp, 15);
    p.issuer = p.subject;
    assert_ca(&p, NULL, LINT_SET_RFC5280, "rule_name_strings");
}

/* X-OCSP-2 */
static void responder(void **state)
{
    const char *name[] = {"N=Responder", NULL};
    struct parts p = good();

    (void)state;
    question.kind = LINT_RESPONDER_CERTIFICATE;
    question.profile = NULL;
    p.subject = name_of(name);
    p.extensions[AT_EXTENDED] =
        EXTENSION(OID_EXTENDED_KEY_USAGE, false,
                  "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09");
    p.extensions[AT_NAMES] = EXTENSION(OID_OCSP_NO_CHECK, false, NULL_VALUE);
    p.count = AT_NAMES + 1;
    assert_good(&p);
    p.count--;
    assert_broken(&p, "rule_responder_no_check");
    p.count++;
    p.extensions[p.count++] = EXTENSION(OID_CRL_DISTRIBUTION_POINTS, false, LISTS);
    assert_broken(&p, "rule_extensions_known");
    p.count--;
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    assert_broken(&p, "rule_responder");
}

int lint_ca_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(good_ones),    TEST(broken_roots),     TEST(broken_subordinates),
        TEST(name_strings), TEST(name_constraints), TEST(responder),
    };
#undef TEST
    return cmocka_run_group_tests_name("ca", tests, NULL, NULL);
}
