/* Tests of server/lint: what the Baseline Requirements ask for besides. */
#include "lint_parts.h"

static void a_good_one(void **state)
{
    struct parts p = good_public();

    (void)state;
    assert_good(&p);
    p.spki = rsa_spki;
    assert_good(&p);
    question.kind = LINT_PRECERTIFICATE;
    p.extensions[p.count++] = EXTENSION(OID_PRECERTIFICATE_POISON, true, NULL_VALUE);
    assert_good(&p);
}

/* X-TLS-18, 25 */
static void algorithms(void **state)
{
    struct parts p = good_public();

    (void)state;
    p.spki = ed25519_spki;
    assert_broken(&p, "rule_key_public");
    question.set = LINT_SET_RFC5280;
    assert_good(&p);
    question.set = LINT_SET_BR;
    p = good_public();
    p.signature = KEY_SIGNATURE_EDDSA;
    issuer.signature_kind = KEY_SIGNATURE_EDDSA;
    assert_broken(&p, "rule_algorithm_public");
    question.set = LINT_SET_RFC5280;
    assert_good(&p);
    question.set = LINT_SET_BR;
    p.signature = KEY_SIGNATURE_MLDSA65;
    issuer.signature_kind = KEY_SIGNATURE_MLDSA65;
    assert_broken(&p, "rule_algorithm_public");
    question.set = LINT_SET_RFC5280;
    assert_good(&p);
    if (!key_type_is_there(KEY_MLDSA65))
        return;
    p = good();
    p.spki = mldsa_spki;
    issuer.signature_kind = p.signature;
    assert_good(&p);
    question.set = LINT_SET_BR;
    p = good_public();
    p.spki = mldsa_spki;
    assert_broken(&p, "rule_key_public");
}

/* X-TLS-1 */
static void not_before(void **state)
{
    struct parts p = good_public();

    (void)state;
    question.now = NOW + 48 * 3600;
    assert_good(&p);
    question.now++;
    assert_broken(&p, "rule_not_before");
    question.now = NOW - 48 * 3600;
    assert_good(&p);
    question.now--;
    assert_broken(&p, "rule_not_before");
    question.set = LINT_SET_RFC5280;
    assert_good(&p);
}

/* X-TLS-2, 3, X-GEN-8: the last second before each date and the first one after it. */
static void lifetime(void **state)
{
    static const struct {
        int64_t from; /* by `date -u -d` */
        int64_t days;
    } rows[] = {{1773532799, 398}, {1773532800, 200}, {1805068799, 200},
                {1805068800, 100}, {1868227199, 100}, {1868227200, 47}};

    (void)state;
    profile.lifetime = 1000 * DAY;
    issuer.not_after = 1900000000 + 1000 * DAY;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parts p = good_public();
        question.now = rows[i].from;
        p.not_before = rows[i].from;
        p.not_after = p.not_before + rows[i].days * DAY;
        assert_broken(&p, "rule_lifetime_most");
        p.not_after--;
        assert_warned(&p, "rule_lifetime_margin");
        p.not_after -= DAY - 1;
        assert_warned(&p, "rule_lifetime_margin");
        p.not_after--;
        assert_good(&p);
        if (i % 2 == 1) { /* begun before the day, signed on it */
            p.not_after = p.not_before + rows[i].days * DAY - 1;
            p.not_before--;
            assert_broken(&p, "rule_lifetime_most");
        }
    }
}

/* X-TLS-7 */
static void common_name(void **state)
{
    const char *name[] = {"N=www.example.com", NULL};
    struct parts p = good_public();

    (void)state;
    p.subject = name_of(name);
    p.extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, false, PUBLIC_NAMES);
    assert_warned(&p, "rule_common_name_absent");
}

/* X-TLS-10 */
static void key_usage(void **state)
{
    struct parts p = good_public();

    (void)state;
    p.extensions[AT_USAGE] =
        EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x03\x88"); /* with keyAgreement */
    assert_warned(&p, "rule_key_agreement_absent");
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x03\x08");
    assert_broken(&p, "rule_key_usage_public");
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x06\xc0");
    assert_broken(&p, "rule_key_usage_public");
    p.spki = rsa_spki;
    assert_broken(&p, "rule_key_usage_public");
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\x20");
    assert_good(&p);
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\xa0");
    assert_warned(&p, "rule_key_usage_both");
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x04\x90");
    assert_broken(&p, "rule_key_usage_public");
}

/* X-TLS-9 */
static void usages(void **state)
{
    struct parts p = good_public();
    struct span both[] = {oid_octets(OID_SERVER_AUTH), oid_octets(OID_CLIENT_AUTH),
                          oid_octets(OID_EMAIL_PROTECTION)};

    (void)state;
    profile.usages = both;
    profile.usage_count = 2;
    p.extensions[AT_EXTENDED] =
        EXTENSION(OID_EXTENDED_KEY_USAGE, false,
                  "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
                  "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02");
    assert_good(&p);
    p.extensions[AT_EXTENDED] =
        EXTENSION(OID_EXTENDED_KEY_USAGE, false,
                  "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02");
    assert_broken(&p, "rule_extended_key_usage_public");
    p.extensions[AT_EXTENDED] =
        EXTENSION(OID_EXTENDED_KEY_USAGE, false,
                  "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
                  "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04");
    assert_broken(&p, "rule_extended_key_usage_public");
}

/* X-TLS-5, 6, 24, X-GEN-16 */
static void names(void **state)
{
    static const struct {
        const char *name;
        const char *rule; /* NULL: good */
    } rows[] = {
        {"example.com", NULL},
        {"*.example.com", NULL},
        {"www.example.co.uk", NULL},
        {"xn--fiqs8s.example.com", NULL},
        {"xn--caf-dma.example.com", NULL},
        {"a--b.example.com", NULL},
        {"-.example.com", "rule_alternative_names"},
        {"ab--c.example.com", "rule_names_labels"},
        {"xn--a.example.com", "rule_names_labels"},
        {"xn--.example.com", "rule_alternative_names"},
        {"xn--iiiiiiiiiiii.example.com", "rule_names_labels"},
        {"host", "rule_names_public"},
        {"localhost", "rule_names_public"},
        {"printer.local", "rule_names_public"},
        {"a.internal", "rule_names_public"},
        {"a.flow.test", "rule_names_public"},
        {"com", "rule_names_public"},
        {"*.com", "rule_names_public"},
        {"co.uk", "rule_names_public"},
        {"*.co.uk", "rule_names_public"},
        {"1.2.0.192.in-addr.arpa", "rule_names_public"},
        {"8.b.d.0.1.0.0.2.ip6.arpa", "rule_names_public"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[256] = {0x30};
        size_t len = strlen(rows[i].name);
        struct parts p = good_public();
        value[1] = (char)(len + 2);
        value[2] = (char)0x82;
        value[3] = (char)len;
        memcpy(value + 4, rows[i].name, len);
        p.extensions[AT_NAMES] =
            extension(OID_SUBJECT_ALTERNATIVE_NAME, true, value, len + 4);
        if (rows[i].rule == NULL)
            assert_good(&p);
        else
            assert_broken(&p, rows[i].rule);
    }
}

static void addresses(void **state)
{
    struct parts p = good_public();

    (void)state;
    p.extensions[AT_NAMES] =
        EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, "\x30\x06\x87\x04\x08\x08\x08\x08");
    assert_good(&p);
    p.extensions[AT_NAMES] =
        EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true, "\x30\x06\x87\x04\x0a\x00\x00\x01");
    assert_broken(&p, "rule_addresses_public");
    p.extensions[AT_NAMES] =
        EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, true,
                  "\x30\x12\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
    assert_broken(&p, "rule_addresses_public");
}

/* X-TLS-11 */
static void policies(void **state)
{
    struct span both[] = {oid_octets(OID_DOMAIN_VALIDATED),
                          oid_octets(OID_ORGANIZATION_VALIDATED)};
    struct parts p = good_public();

    (void)state;
    profile.policies = both;
    profile.policy_count = 2;
    p.extensions[AT_POLICY] = EXTENSION(OID_CERTIFICATE_POLICIES, false,
                                        "\x30\x14\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01"
                                        "\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x02");
    assert_broken(&p, "rule_policies_public");
    p.extensions[AT_POLICY] = EXTENSION(OID_CERTIFICATE_POLICIES, false,
                                        "\x30\x07\x30\x05\x06\x03\x2a\x03\x04");
    assert_broken(&p, "rule_policies_public");
    p.extensions[AT_POLICY] = p.extensions[--p.count];
    assert_broken(&p, "rule_policies_public");
}

/* X-TLS-12, 13, 16 */
static void pointers(void **state)
{
    struct parts p = good_public();

    (void)state;
    p.extensions[AT_ACCESS] = p.extensions[--p.count];
    assert_broken(&p, "rule_authority_access_present");
    p = good_public();
    p.extensions[AT_LISTS] = p.extensions[AT_ACCESS];
    p.count--;
    assert_broken(&p, "rule_revocation_pointer");
    p.not_after = p.not_before + 7 * DAY; /* a second too long */
    assert_broken(&p, "rule_revocation_pointer");
    p.not_after--;
    assert_good(&p);
    p.not_after++;
    p.extensions[AT_LISTS] =
        EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, OCSP_ACCESS);
    assert_good(&p);
}

/* X-GEN-14 */
static void key_id(void **state)
{
    struct parts p = good_public();

    (void)state;
    p.extensions[p.count++] = EXTENSION(OID_SUBJECT_KEY_IDENTIFIER, false, SUBJECT_KEY);
    assert_warned(&p, "rule_subject_key_id_absent");
}

int lint_public_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_one),  TEST(algorithms), TEST(not_before), TEST(lifetime),
        TEST(common_name), TEST(key_usage),  TEST(usages),     TEST(names),
        TEST(addresses),   TEST(policies),   TEST(pointers),   TEST(key_id),
    };
#undef TEST
    return cmocka_run_group_tests_name("public", tests, NULL, NULL);
}
