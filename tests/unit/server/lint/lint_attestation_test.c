/* Certificates of attestation keys: what the template writes is good, and one that breaks
 * a rule is refused in its name. */
#include "lint_parts.h"

#include "server/issue/template_attestation.h"

#define AK_USAGE "\x30\x07\x06\x05\x67\x81\x05\x08\x03"

static struct span usage;

/* What this CA calls such a key, of these parts. */
static struct span names_of(const struct template_attestation *of)
{
    struct span names = {0};
    struct err_info why = {0};

    assert_int_equal(template_attestation_names(arena, of, &names, &why), ERR_OK);
    return names;
}

static struct template_attestation good_device(void)
{
    return (struct template_attestation){
        .tpm = {span_of("id:49424D00"), span_of("swtpm"), span_of("id:20191023")},
        .device = {IDENTIFIER_PERMANENT_IDENTIFIER, "machine 17/1.2.3.4"}};
}

/* GeneralNames of these, as an extension that is critical or not. */
static struct span names_extension(struct span names, bool critical)
{
    uint8_t *room = arena_get(arena, names.len + 64);
    struct der_writer w = der_writer_make(room, names.len + 64);
    size_t mark = der_write_mark(&w);

    der_write_raw(&w, names);
    der_write_wrap(&w, DER_SEQUENCE, mark);
    struct span made = der_write_take(&w);
    return extension(OID_SUBJECT_ALTERNATIVE_NAME, critical, (const char *)made.data,
                     made.len);
}

static struct parts good_ak(void)
{
    struct template_attestation of = good_device();
    struct parts p = good();

    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, AK_USAGE);
    p.extensions[AT_NAMES] = names_extension(names_of(&of), true);
    p.count = AT_NAMES + 1; /* no policies */
    return p;
}

static void as_attestation(void)
{
    usage = oid_octets(OID_AK_CERTIFICATE);
    question.kind = LINT_ATTESTATION_CERTIFICATE;
    profile.usages = &usage;
    profile.policy_count = 0;
    profile.names_most = 0;
    profile.name_types = 0;
    profile.common_name = false;
}

static void good_ones(void **state)
{
    static const struct identifier devices[] = {
        {IDENTIFIER_PERMANENT_IDENTIFIER, "a"},
        {IDENTIFIER_PERMANENT_IDENTIFIER, "\xe6\x97\xa5 \"x\"/2.999.1"},
        {IDENTIFIER_HARDWARE_MODULE, "ABCD/1.2.3.4"}};

    (void)state;
    as_attestation();
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        struct template_attestation of = good_device();
        struct parts p = good_ak();
        of.device = devices[i];
        p.extensions[AT_NAMES] = names_extension(names_of(&of), true);
        assert_good(&p);
    }
    struct parts p = good_ak();
    p.spki = rsa_spki;
    p.extensions[p.count++] = EXTENSION(OID_CRL_DISTRIBUTION_POINTS, false, LISTS);
    p.extensions[p.count++] = EXTENSION(OID_AUTHORITY_INFORMATION_ACCESS, false, ACCESS);
    assert_good(&p);
}

/* RFC 4043 2 and RFC 4108 5, to the octet. */
static void octets_of_names(void **state)
{
    static const char pid[] =
        "\xa0\x1c\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x03\xa0\x10\x30"
        "\x0e\x0c\x0c"
        "ABCDEF123456";
    static const char assigned[] =
        "\xa0\x21\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x03\xa0\x15"
        "\x30\x13\x0c\x0c"
        "ABCDEF123456"
        "\x06\x03\x2a\x03\x04";
    static const char module[] =
        "\xa0\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04\xa0\x0d"
        "\x30\x0b\x06\x03\x2a\x03\x04\x04\x04"
        "ABCD";
    static const struct {
        struct identifier device;
        struct span octets;
    } rows[] = {{{IDENTIFIER_PERMANENT_IDENTIFIER, "ABCDEF123456"},
                 {(const uint8_t *)pid, sizeof pid - 1}},
                {{IDENTIFIER_PERMANENT_IDENTIFIER, "ABCDEF123456/1.2.3.4"},
                 {(const uint8_t *)assigned, sizeof assigned - 1}},
                {{IDENTIFIER_HARDWARE_MODULE, "ABCD/1.2.3.4"},
                 {(const uint8_t *)module, sizeof module - 1}}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct template_attestation of = good_device();
        of.device = rows[i].device;
        struct span names = names_of(&of);
        assert_non_null(
            memmem(names.data, names.len, rows[i].octets.data, rows[i].octets.len));
    }
}

static void subject_and_usages(void **state)
{
    struct parts p = good_ak();

    (void)state;
    as_attestation();
    p.subject = span_make("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x", 14);
    assert_broken(&p, "rule_attestation_subject");
    p = good_ak();
    struct template_attestation of = good_device();
    p.extensions[AT_NAMES] = names_extension(names_of(&of), false);
    assert_broken(&p, "rule_attestation_subject");
    p = good_ak();
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    assert_broken(&p, "rule_attestation_usage");
    p = good_ak();
    p.extensions[AT_EXTENDED] = EXTENSION(
        OID_EXTENDED_KEY_USAGE, false,
        "\x30\x11\x06\x05\x67\x81\x05\x08\x03\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02");
    assert_broken(&p, "rule_attestation_usage");
    p = good_ak();
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, true, AK_USAGE);
    assert_broken(&p, "rule_attestation_usage");
    p = good_ak();
    p.spki = rsa_spki;
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\xa0");
    assert_broken(&p, "rule_attestation_usage");
}

/* One of the three names left out, there twice, or broken. */
static void names(void **state)
{
    struct template_attestation of = good_device();
    struct span all = names_of(&of);
    struct der_reader r = der_read_start(all, 1);
    struct parts p = good_ak();

    (void)state;
    as_attestation();
    struct span tpm = der_read_element(&r);
    struct span device = der_read_element(&r);
    struct span uri = der_read_element(&r);
    const struct {
        struct span list[4];
        const char *rule;
    } rows[] = {{{device, uri}, "rule_attestation_tpm"},
                {{tpm, tpm, device, uri}, "rule_attestation_tpm"},
                {{tpm, uri}, "rule_attestation_device"},
                {{tpm, device, device, uri}, "rule_attestation_device"},
                {{tpm, device}, "rule_attestation_endorsement"},
                {{tpm, device, uri, uri}, "rule_attestation_endorsement"},
                {{tpm, device, uri,
                  span_of("\x82\x01"
                          "a")},
                 "rule_attestation_endorsement"},
                {{tpm, device,
                  span_of("\x86\x0e"
                          "urn:ek:sha256:")},
                 "rule_attestation_endorsement"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = buf_make(4096);
        for (size_t j = 0; j < 4; j++)
            buf_add_span(&b, rows[i].list[j]);
        p.extensions[AT_NAMES] = names_extension(buf_span(&b), true);
        assert_broken(&p, rows[i].rule);
    }
    of.tpm.version = span_of("1.2.3.4");
    p.extensions[AT_NAMES] = names_extension(names_of(&of), true);
    assert_broken(&p, "rule_attestation_tpm");
    of = good_device();
    of.tpm.model = span_of("two\nlines");
    p.extensions[AT_NAMES] = names_extension(names_of(&of), true);
    assert_broken(&p, "rule_attestation_tpm");
}

static void profile_of_it(void **state)
{
    struct parts p = good_ak();

    (void)state;
    as_attestation();
    p.not_after = NOW + LIFETIME;
    assert_broken(&p, "rule_profile_lifetime");
    p = good_ak();
    question.profile = NULL;
    assert_broken(&p, "rule_profile");
}

int lint_attestation_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(good_ones), TEST(octets_of_names),
                                       TEST(subject_and_usages), TEST(names),
                                       TEST(profile_of_it)};
#undef TEST
    return cmocka_run_group_tests_name("attestation", tests, NULL, NULL);
}
