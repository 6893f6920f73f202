/* Tests of settings: directories and profiles that take identifiers of devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/acme/terms.h"
#include "server/settings/settings.h"

static struct arena *arena;

#define DEVICE "profiles: {d: {identifiers: permanent-identifier, usages: client}}\n"

/* What goes together. */
static void together(void **state)
{
    static const struct {
        const char *text;
        const char *words; /* NULL: taken */
    } cases[] = {
        {"directories: {x: {identifiers: [dns, permanent-identifier]}}\n",
         "directories.x: identifiers: devices are proved by device-attest-01"},
        {"directories: {x: {challenges: [http-01, device-attest-01]}}\n",
         "directories.x: challenges: device-attest-01 proves devices only"},
        {"directories: {x: {identifiers: hardware-module, challenges: "
         "device-attest-01}}\n",
         "directories.x: profiles: none of the identifiers that"},
        {DEVICE "directories: {x: {profiles: d}}\n",
         "directories.x: profiles: none of the identifiers that \"d\" takes"},
        {DEVICE "directories: {x: {}}\n",
         "directories.x: profiles: none of them takes identifiers"},
        /* where no devices are taken, it is not meant */
        {"profiles: {d: {identifiers: permanent-identifier, usages: client}, e: {}}\n"
         "directories: {x: {}, y: {profiles: d, identifiers: permanent-identifier, "
         "challenges: device-attest-01}}\n",
         NULL},
        {DEVICE "directories: {x: {identifiers: [dns, permanent-identifier], challenges: "
                "[http-01, device-attest-01]}}\n",
         NULL},
        {DEVICE "directories: {x: {profiles: d, identifiers: permanent-identifier, "
                "challenges: device-attest-01}}\n",
         NULL},
        {"profiles: {d: {identifiers: serial-number}}\n",
         "there are dns, ip, permanent-identifier and hardware-module"},
        {"profiles: {d: {identifiers: dns, device_privacy: true}}\n",
         "profiles.d: device_privacy: identifiers names no device"},
        {"profiles: {d: {identifiers: hardware-module, usages: client, device_subject: "
         "both}}\n",
         "profiles.d: device_subject: \"both\" is none of csr, template, drop"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct settings *s = NULL;
        struct err_info why = {0};
        enum err result =
            settings_read(arena, "/ca", span_of(cases[i].text), NULL, 0, &s, &why);
        if ((result == ERR_OK) != (cases[i].words == NULL) ||
            (result != ERR_OK && strstr(why.detail, cases[i].words) == NULL))
            fail_msg("%s: %s", cases[i].text, why.detail);
    }
}

/* Who asks for nothing takes no devices. S-CH-11 */
static void usual(void **state)
{
    const struct settings *s = NULL;
    struct err_info why = {0};
    const unsigned int names = 1U << IDENTIFIER_DNS | 1U << IDENTIFIER_IP;

    (void)state;
    assert_int_equal(settings_read(arena, "/ca", span_of(""), NULL, 0, &s, &why), ERR_OK);
    const struct settings_directory *directory = settings_directory(s, "default");
    assert_int_equal(directory->identifier_types, names);
    assert_int_equal(directory->challenge_types & 1U << CHALLENGE_DEVICE_ATTEST_01, 0);
    assert_int_equal(settings_profile(s, "client")->identifier_types, names);
}

/* X-DEV-2: keys of devices sign, whatever their type, unless it is said. */
static void key_usages(void **state)
{
    static const struct {
        const char *options;
        uint8_t rsa;
    } rows[] = {
        {"usages: client", 0xa0},
        {"usages: client, identifiers: [dns, permanent-identifier]", 0x80},
        {"usages: client, identifiers: hardware-module, key_usages: [digitalSignature, "
         "keyEncipherment]",
         0xa0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings *s = NULL;
        struct err_info why = {0};
        const char *text =
            arena_printf(arena,
                         "profiles: {d: {%s}}\ndirectories: {x: {identifiers: [dns, "
                         "permanent-identifier, hardware-module], challenges: [http-01, "
                         "device-attest-01]}}\n",
                         rows[i].options);
        if (settings_read(arena, "/ca", span_of(text), NULL, 0, &s, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].options, why.detail);
        const struct settings_profile *d = settings_profile(s, "d");
        assert_int_equal(settings_profile_key_usage(d, KEY_RSA), rows[i].rsa);
        assert_int_equal(settings_profile_key_usage(d, KEY_P256), 0x80);
    }
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
        cmocka_unit_test_setup_teardown(together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usual, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_usages, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
