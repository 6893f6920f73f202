/* Tests of server/settings/settings_attest: which formats count, and that none counts
 * without roots. S-DA-13. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attest/attest.h"
#include "server/settings/settings_attest.h"

#define BIT(format) (1U << ATTEST_##format)
#define USUAL       (BIT(APPLE) | BIT(STEP) | BIT(ANDROID_KEY))
#define PROFILE     "profiles:\n  device:\n    usages: client\n"

static const struct {
    const char *text;
    unsigned int formats; /* of the profile "device", or of all */
    int presence;
    const char *refusal; /* NULL: taken */
} rows[] = {
    {"", USUAL, ATTEST_PRESENCE_ANY, NULL},
    {"attest:\n  tpm_roots: tpm.pem\n", USUAL | BIT(TPM), ATTEST_PRESENCE_ANY, NULL},
    {"attest:\n  packed_roots: packed.pem\n", USUAL, ATTEST_PRESENCE_ANY, NULL},
    {"attest:\n  formats: [tpm, packed]\n  tpm_roots: [a.pem, b.pem]\n"
     "  packed_roots: c.pem\n",
     BIT(TPM) | BIT(PACKED), ATTEST_PRESENCE_ANY, NULL},
    {"attest:\n  formats: [step]\n  presence: both\n", BIT(STEP), ATTEST_PRESENCE_BOTH,
     NULL},
    {"attest:\n  formats: [step, tpm]\n", 0, 0,
     "attest.formats: \"tpm\" needs attest.tpm_roots"},
    {"attest:\n  formats: packed\n", 0, 0,
     "attest.formats: \"packed\" needs attest.packed_roots"},
    {"attest:\n  formats: none\n", 0, 0, "there is no format \"none\""},
    {"attest:\n  formats: android-key\n", 0, 0, "there is no format \"android-key\""},
    {"attest:\n  presence: once\n", 0, 0, "attest.presence: \"once\" is none of"},
    {"attest:\n  failure_status: 201\n", 0, 0, "attest.failure_status: it is 400 or 200"},
    {PROFILE "    attest_formats: [step, apple]\n    attest_presence: pin\n",
     BIT(STEP) | BIT(APPLE), ATTEST_PRESENCE_PIN, NULL},
    {PROFILE "    attest_formats: tpm\n", 0, 0,
     "attest_formats: a format that attest.formats does not take"},
    {PROFILE "    attest_formats: fido\n", 0, 0, "there is no format \"fido\""},
    {PROFILE "    attest_presence: all\n", 0, 0, "\"all\" is none of any"},
    {"attest:\n  presence: touch\n" PROFILE "    attest_presence: both\n", USUAL,
     ATTEST_PRESENCE_BOTH, NULL},
    {"attest:\n  presence: touch\n" PROFILE, USUAL, ATTEST_PRESENCE_TOUCH, NULL},
    {"attest:\n  presence: touch\n" PROFILE "    attest_presence: pin\n", 0, 0,
     "attest_presence: it must not ask for less"},
    {"attest:\n  presence: pin\n" PROFILE "    attest_presence: any\n", 0, 0,
     "it must not ask for less"},
};

static void rows_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct settings *s = NULL;
        struct err_info why = {0};
        enum err result =
            settings_read(a, "/ca", span_of(rows[i].text), NULL, 0, &s, &why);

        if (rows[i].refusal != NULL) {
            if (result != ERR_CONFIG || strstr(why.detail, rows[i].refusal) == NULL)
                fail_msg("%s: %s", rows[i].text, why.detail);
            continue;
        }
        if (result != ERR_OK)
            fail_msg("%s: %s", rows[i].text, why.detail);
        const struct settings_profile *profile = settings_profile(s, "device");
        assert_int_equal(profile != NULL ? profile->attest_formats : s->attest_formats,
                         rows[i].formats);
        assert_int_equal(profile != NULL ? profile->attest_presence : s->attest_presence,
                         rows[i].presence);
    }
}

#define OFFERED                                                                          \
    "directories:\n  default:\n    challenges: [dns-01, device-attest-01]\n    "         \
    "identifiers: [dns, permanent-identifier]\n"

static size_t notes_about(const char *text, const char *words)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *s = NULL;
    struct err_info why = {0};
    size_t count = 0;
    size_t found = 0;

    if (settings_read(a, "/ca", span_of(text), NULL, 0, &s, &why) != ERR_OK)
        fail_msg("%s: %s", text, why.detail);
    const char *const *notes = settings_attest_notes(a, s, 1790000000, &count);
    for (size_t i = 0; i < count; i++)
        if (strstr(notes[i], words) != NULL)
            found++;
    return found;
}

static void what_is_recommended(void **state)
{
    (void)state;
    assert_int_equal(notes_about("", ""), 0);
    assert_int_equal(notes_about(OFFERED, "external_account"), 1);
    assert_int_equal(notes_about(OFFERED "    external_account: required\n", "account"),
                     0);
    assert_int_equal(notes_about(OFFERED, "attest.android_status"), 1);
    assert_int_equal(notes_about(OFFERED "attest:\n  formats: step\n", "android"), 0);
    assert_int_equal(
        notes_about(OFFERED "attest:\n  android_status: /etc/hostname\n", "Google"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_table),
        cmocka_unit_test(what_is_recommended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
