/* Tests of server/signer/signer_profile: what the settings say of a profile is what the
 * lint is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/x509/oid.h"
#include "server/signer/signer_profile.h"

static struct arena *arena;

static const struct settings *read_settings(const char *text)
{
    const struct settings *s = NULL;
    struct err_info why = {0};

    if (settings_read(arena, "/ca", span_of(text), NULL, 0, &s, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return s;
}

static const struct lint_profile *read_profile(const char *text, const char *name)
{
    const struct settings *s = read_settings(text);
    const struct lint_profile *profiles = NULL;
    size_t count = 0;

    signer_profile_read(arena, s, &profiles, &count);
    assert_int_equal(count, s->profiles.count + 1);
    for (size_t i = 0; i < count; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    fail_msg("no profile %s", name);
    return NULL;
}

static bool takes(const struct lint_profile *p, enum key_type type, int bits)
{
    for (size_t i = 0; i < p->key_count; i++)
        if (p->keys[i].type == type && (p->keys[i].bits == 0 || p->keys[i].bits == bits))
            return true;
    return false;
}

/* Those that are there when nothing is said. */
static void ordinary(void **state)
{
    const struct lint_profile *p = read_profile("", "classic");

    (void)state;
    assert_int_equal(p->set, LINT_SET_RFC5280);
    assert_int_equal(p->names_most, 100);
    assert_int_equal(p->name_types, LINT_NAMES_DNS | LINT_NAMES_ADDRESS);
    assert_int_equal(p->usage_count, 1);
    assert_true(oid_is(p->usages[0], OID_SERVER_AUTH));
    assert_int_equal(p->policy_count, 1);
    assert_true(oid_is(p->policies[0], OID_DOMAIN_VALIDATED));
    assert_int_equal(p->key_usage,
                     1 << 0 | 1 << 2); /* digitalSignature, keyEncipherment */
    assert_false(p->common_name);
    assert_false(p->no_revocation);
    assert_int_equal(p->staple, LINT_STAPLE_NEVER);
    assert_null(p->names);
    assert_true(takes(p, KEY_RSA, 2048) && takes(p, KEY_RSA, 3192));
    assert_true(takes(p, KEY_P256, 0) && takes(p, KEY_ED25519, 0));
    p = read_profile("", "client");
    assert_int_equal(p->usage_count, 1);
    assert_true(oid_is(p->usages[0], OID_CLIENT_AUTH));
    assert_int_equal(p->policy_count, 0);
}

static void of_its_own(void **state)
{
    const struct lint_profile *p =
        read_profile("profiles:\n"
                     "  a:\n"
                     "    lifetime: 2d\n"
                     "    max_names: 3\n"
                     "    identifiers: [dns]\n"
                     "    key_types: [rsa3072, p384]\n"
                     "    key_usages: [digitalSignature, keyAgreement]\n"
                     "    usages: [server, 1.2.3.4]\n"
                     "    policies: [1.2.3, 1.2.5]\n"
                     "    common_name: first\n"
                     "    ocsp_urls: [http://a.test/]\n"
                     "    must_staple: always\n",
                     "a");

    (void)state;
    assert_int_equal(p->lifetime, 2 * 86400);
    assert_int_equal(p->names_most, 3);
    assert_int_equal(p->name_types, LINT_NAMES_DNS);
    assert_true(takes(p, KEY_RSA, 3072) && takes(p, KEY_P384, 0));
    assert_false(takes(p, KEY_RSA, 2048) || takes(p, KEY_RSA, 3080) ||
                 takes(p, KEY_P256, 0) || takes(p, KEY_ED25519, 0));
    assert_int_equal(p->key_usage, 1 << 0 | 1 << 4);
    assert_int_equal(p->usage_count, 2);
    assert_int_equal(p->policy_count, 2);
    assert_true(p->common_name);
    assert_int_equal(p->staple, LINT_STAPLE_ALWAYS);
    p = read_profile("profiles: {a: {rules: br, lifetime: 5d, no_rev_avail: true, "
                     "crl_urls: [none], ocsp_urls: [none], must_staple: never, "
                     "issuer_urls: ['http://a.test/i']}}\n"
                     "directories: {default: {public_names: true, "
                     "caa_identities: [ca.test], check_caa: true}}\n",
                     "a");
    assert_int_equal(p->set, LINT_SET_BR);
    assert_true(p->no_revocation);
    assert_false(takes(p, KEY_ED25519, 0));
}

#define DEVICE_DIRECTORY                                                                 \
    "directories: {default: {identifiers: [dns, permanent-identifier, "                  \
    "hardware-module], challenges: [http-01, device-attest-01]}}\n"

/* Devices: which kinds, and the common name that device_subject allows. X-DEV-5 */
static void of_devices(void **state)
{
    const struct lint_profile *p = read_profile(
        "profiles: {a: {usages: client, identifiers: permanent-identifier}}\n" //
        DEVICE_DIRECTORY,
        "a");

    (void)state;
    assert_int_equal(p->name_types, LINT_NAMES_DEVICE);
    assert_int_equal(p->key_usage, 1); /* of RSA keys, too */
    assert_true(p->common_name);
    assert_false(p->device_privacy);
    p = read_profile("profiles: {a: {usages: client, identifiers: [dns, "
                     "hardware-module], device_subject: drop}}\n" DEVICE_DIRECTORY,
                     "a");
    assert_int_equal(p->name_types, LINT_NAMES_DNS | LINT_NAMES_MODULE);
    assert_false(p->common_name);
    p = read_profile("profiles: {a: {usages: client, identifiers: [dns, "
                     "hardware-module], device_privacy: true}}\n" DEVICE_DIRECTORY,
                     "a");
    assert_int_equal(p->name_types, LINT_NAMES_DNS | LINT_NAMES_UUID);
    assert_true(p->device_privacy);
}

/* The server's own certificate: its names only, whatever the profiles are. */
static void of_the_server(void **state)
{
    const struct lint_profile *p = read_profile("dns_names: [a.flow.test, b.flow.test]\n"
                                                "certificate: {lifetime: 30d}\n"
                                                "profiles: {a: {usages: [client]}}\n",
                                                "");

    (void)state;
    assert_int_equal(p->lifetime, 30 * 86400);
    assert_int_equal(p->name_count, 2);
    assert_int_equal(p->names_most, 2);
    assert_string_equal(p->names[1], "b.flow.test");
    assert_int_equal(p->name_types, LINT_NAMES_DNS);
    assert_true(takes(p, KEY_P256, 0));
    assert_int_equal(p->key_count, 1);
    assert_int_equal(p->key_usage, 1);
    assert_true(oid_is(p->usages[0], OID_SERVER_AUTH));
}

/* S-NEWO-10: what an order was promised is not in today's settings. */
static void of_orders_from_before(void **state)
{
    const struct lint_profile *profiles = NULL;
    const struct settings *s = read_settings("dns_names: [a.flow.test]\n"
                                             "profiles: {a: {max_names: 3}}\n");
    size_t count = 0;

    (void)state;
    signer_profile_read_promised(arena, s, &profiles, &count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(profiles[i].names_most, profiles[i].name[0] == '\0' ? 1 : 1000);
    assert_true(count >= 2);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
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
        cmocka_unit_test(ordinary),
        cmocka_unit_test(of_its_own),
        cmocka_unit_test(of_devices),
        cmocka_unit_test(of_the_server),
        cmocka_unit_test(of_orders_from_before),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
