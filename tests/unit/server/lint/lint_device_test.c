/* Certificates of devices: those that the template writes are good, and one that breaks a
 * rule is refused in its name. */
#include "lint_parts.h"

#define CLIENT_AUTH "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
#define BOTH                                                                             \
    "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01\x06\x08\x2b\x06\x01\x05\x05\x07"   \
    "\x03\x02"
#define PERMANENT "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x03"
#define MODULE    "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04"
#define DEVICE                                                                           \
    "\x30\x13\xa0\x11" PERMANENT "\xa0\x05\x30\x03\x0c\x01"                              \
    "A"
#define DEVICE_OF                                                                        \
    "\x30\x18\xa0\x16" PERMANENT "\xa0\x0a\x30\x08\x0c\x01"                              \
    "A\x06\x03\x2a\x03\x04"
#define MODULE_OF                                                                        \
    "\x30\x1b\xa0\x19" MODULE "\xa0\x0d\x30\x0b\x06\x03\x2a\x03\x04\x04\x04"             \
    "ABCD"
#define UUID                                                                             \
    "\x30\x2f\x86\x2d"                                                                   \
    "urn:uuid:0123abcd-4567-89ab-cdef-0123456789ab"

static struct span usages[2];

/* A profile for devices and names. */
static void as_device(void)
{
    usages[0] = oid_octets(OID_CLIENT_AUTH);
    usages[1] = oid_octets(OID_SERVER_AUTH);
    profile.usages = usages;
    profile.usage_count = 1;
    profile.policy_count = 0;
    profile.name_types |= LINT_NAMES_DEVICE | LINT_NAMES_MODULE;
}

#define SET_NAMES(p, critical, value)                                                    \
    ((p)->extensions[AT_NAMES] = EXTENSION(OID_SUBJECT_ALTERNATIVE_NAME, critical, value))

static struct parts good_device(void)
{
    struct parts p = good();

    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, CLIENT_AUTH);
    SET_NAMES(&p, true, DEVICE);
    p.count = AT_NAMES + 1; /* no policies */
    return p;
}

/* X-DEV-3, X-DEV-4: what is written by the template, and the common name beside it. */
static void good_ones(void **state)
{
    const char *same[] = {"N=A/1.2.3.4", NULL};
    const char *part[] = {"N=A", NULL};
    struct parts p = good_device();

    (void)state;
    as_device();
    assert_good(&p);
    SET_NAMES(&p, true, DEVICE_OF);
    assert_good(&p);
    SET_NAMES(&p, true, MODULE_OF);
    assert_good(&p);
    SET_NAMES(&p, false,
              "\x30\x18\xa0\x16" PERMANENT "\xa0\x0a\x30\x08\x0c\x01"
              "A\x06\x03\x2a\x03\x04");
    p.subject = name_of(same);
    assert_good(&p);
    p.subject = name_of(part);
    assert_broken(&p, "rule_common_name");
}

/* X-DEV-1, X-DEV-2 */
static void what_for(void **state)
{
    struct parts p = good_device();

    (void)state;
    as_device();
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, SERVER_AUTH);
    usages[0] = oid_octets(OID_SERVER_AUTH);
    assert_broken(&p, "rule_device_usages");
    p.extensions[AT_EXTENDED] = EXTENSION(OID_EXTENDED_KEY_USAGE, false, BOTH);
    usages[1] = oid_octets(OID_CLIENT_AUTH);
    profile.usage_count = 2;
    assert_warned(&p, "rule_device_usages_other");
    p = good_device();
    as_device();
    p.spki = rsa_spki;
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\x20");
    assert_broken(&p, "rule_device_key_usage");
    p.extensions[AT_USAGE] = EXTENSION(OID_KEY_USAGE, true, "\x03\x02\x05\xa0");
    assert_good(&p); /* where the profile has keyEncipherment */
    profile.key_usage = 1;
    assert_broken(&p, "rule_profile_key_usage");
}

/* X-DEV-3, X-DEV-4: other octets. */
static void malformed(void **state)
{
    static const struct {
        const char *rule;
        const char *names;
        size_t len;
    } rows[] = {
#define ROW(rule, octets) {rule, octets, sizeof(octets) - 1}
        ROW("rule_permanent_identifier", "\x30\x10\xa0\x0e" PERMANENT "\xa0\x02\x30\x00"),
        ROW("rule_permanent_identifier",
            "\x30\x13\xa0\x11" PERMANENT "\xa0\x05\x30\x03\x13\x01"
            "A"),
        ROW("rule_permanent_identifier",
            "\x30\x12\xa0\x10" PERMANENT "\xa0\x04\x30\x02\x0c\x00"),
        ROW("rule_permanent_identifier",
            "\x30\x14\xa0\x12" PERMANENT "\xa0\x06\x30\x04\x0c\x02"
            "A/"),
        ROW("rule_permanent_identifier",
            "\x30\x13\xa0\x11" PERMANENT "\xa0\x05\x30\x03\x0c\x01\xff"),
        ROW("rule_permanent_identifier",
            "\x30\x13\xa0\x11" PERMANENT "\xa0\x05\x30\x03\x0c\x01\n"),
        ROW("rule_hardware_module",
            "\x30\x1b\xa0\x19" MODULE "\xa0\x0d\x30\x0b\x06\x03\x2a\x03\x04\x84\x04"
            "ABCD"),
        ROW("rule_hardware_module", "\x30\x16\xa0\x14" MODULE "\xa0\x08\x30\x06\x04\x04"
                                    "ABCD"),
        ROW("rule_alternative_names",
            "\x30\x0b\xa0\x09\x06\x03\x2a\x03\x04\xa0\x02\x05\x00"),
        ROW("rule_alternative_names", "\x30\x0a\x86\x08"
                                      "urn:uuid"),
        ROW("rule_names_unique", "\x30\x26\xa0\x11" PERMANENT "\xa0\x05\x30\x03\x0c\x01"
                                 "A\xa0\x11" PERMANENT "\xa0\x05\x30\x03\x0c\x01"
                                 "A"),
#undef ROW
    };
    struct parts p = good_device();

    (void)state;
    as_device();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        p.extensions[AT_NAMES] =
            extension(OID_SUBJECT_ALTERNATIVE_NAME, true, rows[i].names, rows[i].len);
        assert_broken(&p, rows[i].rule);
    }
}

/* The signer's own settings: which kinds, and none at all (X-DEV-5). */
static void profiles(void **state)
{
    struct parts p = good_device();

    (void)state;
    as_device();
    profile.name_types = LINT_NAMES_DNS | LINT_NAMES_MODULE;
    assert_broken(&p, "rule_profile_names");
    SET_NAMES(&p, true, MODULE_OF);
    assert_good(&p);
    profile.name_types = LINT_NAMES_DNS | LINT_NAMES_DEVICE;
    assert_broken(&p, "rule_profile_names");
    SET_NAMES(&p, true, UUID);
    assert_broken(&p, "rule_profile_names");
    profile.name_types = LINT_NAMES_DNS | LINT_NAMES_UUID;
    profile.device_privacy = true;
    assert_good(&p);
    SET_NAMES(&p, true, NAMES);
    assert_good(&p);
    SET_NAMES(&p, true, DEVICE);
    assert_broken(&p, "rule_device_privacy");
}

/* S-DA-15: not under the Baseline Requirements. */
static void public(void **state)
{
    struct parts p = good_public();

    (void)state;
    SET_NAMES(&p, true, DEVICE);
    assert_broken(&p, "rule_names_kinds_public");
    SET_NAMES(&p, true, UUID);
    assert_broken(&p, "rule_names_kinds_public");
}

/* A name that constraints of other kinds are about cannot be judged. */
static void constrained(void **state)
{
    struct parts p = good_device();

    (void)state;
    as_device();
    issuer.constraint_count = 1;
    issuer.constraints[0] = (struct name_constraints){0};
    assert_good(&p);
    issuer.constraints[0].has_others = true;
    assert_broken(&p, "rule_name_constraints");
}

int lint_device_run(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(good_ones), TEST(what_for),
                                       TEST(malformed), TEST(profiles),
                                       TEST(public),    TEST(constrained)};
#undef TEST
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
