/* Tests of server/signer/signer_core: what a front that was taken over could ask for to
 * the harm of those that come after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/x509/certificate.h"
#include "core/x509/crl.h"
#include "core/x509/oid.h"
#include "server/issue/template.h"
#include "server/signer/signer_core.h"
#include "server/signer/signer_profile.h"
#include "signer_fixture.h"

/* Numbers and serials of far ahead would leave none for those that come after. */
static void far_ahead(void **state)
{
    struct signer_core *core = NULL;
    uint8_t signature[KEY_SIGNATURE_MAX];
    uint8_t serial[SERIAL_SIZE];
    struct span der = {0};
    size_t len = 0;
    int64_t later = clock_now() + 7 * 86400;
    const uint64_t now_ms = (uint64_t)clock_now_ms();
    const uint64_t year_ms = UINT64_C(366) * 86400000;

    (void)state;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    assert_int_equal(signer_fixture_sign_list(
                         core,
                         signer_fixture_list(&fixture.issuer, UINT64_MAX, later, NULL),
                         signature, &len, NULL),
                     ERR_TOO_LARGE);
    assert_int_equal(
        signer_fixture_sign_list(
            core,
            signer_fixture_list(&fixture.issuer, now_ms + 11 * year_ms, later, NULL),
            signature, &len, NULL),
        ERR_TOO_LARGE);
    assert_int_equal(
        signer_fixture_sign_list(
            core, signer_fixture_list(&fixture.issuer, now_ms + 9 * year_ms, later, NULL),
            signature, &len, NULL),
        ERR_OK);
    assert_int_equal(signer_fixture_sign_list(
                         core, signer_fixture_list(&fixture.issuer, now_ms, later, NULL),
                         signature, &len, NULL),
                     ERR_CONFLICT);
    serial_make(clock_now() + 2 * 86400, serial);
    assert_int_equal(
        signer_core_sign(core, fixture.arena, LINT_CERTIFICATE, span_of("test"),
                         signer_fixture_tbs(serial, "a.flow.test", &fixture.issuer), &der,
                         NULL),
        ERR_LINT);
    serial_make(clock_now() + 3600, serial);
    assert_int_equal(
        signer_core_sign(core, fixture.arena, LINT_CERTIFICATE, span_of("test"),
                         signer_fixture_tbs(serial, "a.flow.test", &fixture.issuer), &der,
                         NULL),
        ERR_OK);
    signer_core_free(core);
}

/* What is asked again takes no second line, so that the end of the journal that is read
 * at a start is known to hold enough of them. */
static void asked_again(void **state)
{
    struct signer_core *core = NULL;
    struct span der = {0}, first = {0}, then = {0};
    uint8_t serial[SERIAL_SIZE];

    (void)state;
    serial_make(clock_now(), serial);
    struct span tbs = signer_fixture_tbs(serial, "a.flow.test", &fixture.issuer);
    (void)unlink(fixture.journal);
    assert_int_equal(signer_fixture_open(&core, signer_fixture_journal()), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(signer_core_sign(core, fixture.arena, LINT_CERTIFICATE,
                                          span_of("test"), tbs, &der, NULL),
                         ERR_OK);
        assert_int_equal(file_read(fixture.arena, fixture.journal, 10000,
                                   i == 0 ? &first : &then, NULL),
                         ERR_OK);
    }
    assert_true(first.len > 0 && span_equal(first, then));
    signer_core_free(core);
    (void)unlink(fixture.journal);
}

/* ---- where it points to, and when it begins ---- */

#define BASE   "http://ca.example.test"
#define FORMER "http://old.example.test"
#define FAR    (INT64_C(400) * 86400)

static const char settings_text[] = "name: Test\n"
                                    "publish:\n"
                                    "  url: " BASE "\n"
                                    "  former_urls: [" FORMER "]\n"
                                    "ocsp:\n"
                                    "  enabled: true\n"
                                    "crl:\n"
                                    "  shards: 4\n"
                                    "profiles:\n"
                                    "  test:\n"
                                    "    lifetime: 90d\n"
                                    "  elsewhere:\n"
                                    "    crl_urls: [" BASE "/a.crl, " BASE "/b.crl]\n"
                                    "    issuer_urls: none\n"
                                    "    ocsp_urls: none\n";

/* The signer's own profile of that name. */
static const struct lint_profile *profile_of(const char *name)
{
    const struct lint_profile *profiles = NULL;
    struct err_info why = {0};
    size_t count = 0;

    if (settings_read(fixture.arena, "/ca", span_of(settings_text), NULL, 0,
                      &fixture.published, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    signer_profile_read_promised(fixture.arena, fixture.published, &profiles, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    fail_msg("no profile %s", name);
    return NULL;
}

static char *own_url(const char *base, const char *front, const char *behind)
{
    char hex[2 * HASH_SHA256_SIZE + 1];

    text_hex(hex, fixture.issuer.key_id.data, fixture.issuer.key_id.len);
    return arena_printf(fixture.arena, "%s%s%s%s", base, front, hex, behind);
}

/* With these URLs (NULL: none), by the profile of that name, begun so many seconds before
 * it is signed. */
static enum err ask(const char *profile, const char *const lists[2], const char *issuer,
                    const char *ocsp, int64_t before, struct err_info *why)
{
    static const char *const name = "a.flow.test";
    struct lint_profile held = fixture.profile;
    const struct lint_profile *own = profile_of(profile);
    struct signer_core *core = NULL;
    uint8_t serial[SERIAL_SIZE];
    struct span der = {0};

    serial_make(clock_now(), serial);
    struct template_leaf leaf = signer_fixture_leaf(serial, &name);
    leaf.not_before = clock_now() - before;
    leaf.not_after = leaf.not_before + SIGNER_FIXTURE_LIFETIME - 1;
    leaf.crl_urls =
        (struct template_urls){lists, (lists[0] != NULL) + (lists[1] != NULL)};
    leaf.issuer_urls = (struct template_urls){&issuer, issuer != NULL};
    leaf.ocsp_urls = (struct template_urls){&ocsp, ocsp != NULL};
    fixture.profile.pointers = own->pointers;
    fixture.profile.pointers_context = own->pointers_context;
    fixture.profile.bounded = own->bounded;
    fixture.profile.begins_back = own->begins_back;
    fixture.profile.begins_ahead = own->begins_ahead;
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    enum err result =
        signer_core_sign(core, fixture.arena, LINT_CERTIFICATE, span_of("test"),
                         signer_fixture_write(&fixture.issuer, &leaf), &der, why);
    signer_core_free(core);
    fixture.profile = held;
    fixture.published = NULL;
    return result;
}

/* Whoever has the front cannot have relying parties ask somebody else, or nobody. */
static void points_where_the_settings_say(void **state)
{
    const char *list = own_url(BASE, "/crl/", ".crl");
    const char *part = own_url(BASE, "/crl/", "/3.crl");
    const char *issuer = own_url(BASE, "/ca/", ".cer");
    const char *ocsp = BASE "/ocsp";
    const struct {
        const char *profile;
        const char *lists[2];
        const char *issuer;
        const char *ocsp;
        const char *complaint; /* NULL: it is signed */
    } rows[] = {
        {"test", {part}, issuer, ocsp, NULL},
        {"test", {list}, issuer, ocsp, NULL},
        {"test", {own_url(FORMER, "/crl/", "/3.crl")}, issuer, ocsp, NULL},
        {"test", {part}, issuer, FORMER "/ocsp", NULL},
        {"elsewhere", {BASE "/a.crl", BASE "/b.crl"}, NULL, NULL, NULL},
        {"test", {"http://evil.example/1.crl"}, issuer, ocsp, "distribution point"},
        {"test",
         {own_url("http://evil.example", "/crl/", "/3.crl")},
         issuer,
         ocsp,
         "distribution point"},
        {"test", {own_url(BASE, "/crl/", "/0.crl")}, issuer, ocsp, "distribution point"},
        {"test", {own_url(BASE, "/crl/", "/03.crl")}, issuer, ocsp, "distribution point"},
        {"test",
         {own_url(BASE, "/crl/", "/9999.crl")},
         issuer,
         ocsp,
         "distribution point"},
        {"test",
         {own_url(BASE ".evil.example", "/crl/", "/3.crl")},
         issuer,
         ocsp,
         "distribution point"},
        {"test", {BASE "/crl/00.crl"}, issuer, ocsp, "distribution point"},
        {"test", {NULL}, issuer, ocsp, "distribution point"},
        {"test", {part, list}, issuer, ocsp, "distribution point"},
        {"test", {part}, "http://evil.example/ca.cer", ocsp, "issuer's certificate"},
        {"test", {part}, own_url(BASE, "/ca/", ".cer?"), ocsp, "issuer's certificate"},
        {"test", {part}, NULL, ocsp, "issuer's certificate"},
        {"test", {part}, issuer, "http://evil.example/ocsp", "OCSP"},
        {"test", {part}, issuer, BASE "/ocsp/", "OCSP"},
        {"test", {part}, issuer, NULL, "OCSP"},
        {"elsewhere", {BASE "/a.crl", NULL}, NULL, NULL, "distribution point"},
        {"elsewhere", {part, NULL}, NULL, NULL, "distribution point"},
        {"elsewhere",
         {BASE "/a.crl", BASE "/b.crl"},
         issuer,
         NULL,
         "issuer's certificate"},
        {"elsewhere", {BASE "/a.crl", BASE "/b.crl"}, NULL, ocsp, "OCSP"},
        {"", {part}, NULL, NULL, NULL}, /* the server's own */
        {"", {"http://evil.example/1.crl"}, NULL, NULL, "distribution point"},
        {"", {part}, NULL, "http://evil.example/ocsp", "OCSP"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        enum err result =
            ask(rows[i].profile, rows[i].lists, rows[i].issuer, rows[i].ocsp, 60, &why);
        if (result != (rows[i].complaint != NULL ? ERR_LINT : ERR_OK) ||
            (rows[i].complaint != NULL &&
             (strstr(why.detail, "rule_profile_pointers") == NULL ||
              strstr(why.detail, rows[i].complaint) == NULL)))
            fail_msg("row %zu: %s: %s", i, err_name(result), why.detail);
    }
}

/* Nor a certificate that began long ago, or begins much later, without the Baseline
 * Requirements either. */
static void begins_when_the_settings_say(void **state)
{
    const char *const lists[2] = {own_url(BASE, "/crl/", "/3.crl"), NULL};
    const char *issuer = own_url(BASE, "/ca/", ".cer");
    static const struct {
        int64_t before;
        bool good;
    } rows[] = {
        {60, true},        {0, true},     {INT64_C(8) * 86400, true},
        {FAR / 10, false}, {FAR, false},  {-INT64_C(86400) * 89, true},
        {-FAR / 4, false}, {-FAR, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        enum err result = ask("test", lists, issuer, BASE "/ocsp", rows[i].before, &why);
        if (result != (rows[i].good ? ERR_OK : ERR_LINT) ||
            (!rows[i].good && strstr(why.detail, "rule_profile_begin") == NULL))
            fail_msg("row %zu: %s: %s", i, err_name(result), why.detail);
    }
}

/* A part of a list says where it is, which must be where this CA has it. */
static void lists_are_where_the_settings_say(void **state)
{
    const struct {
        const char *url;
        enum err result;
    } rows[] = {
        {NULL, ERR_OK},
        {own_url(BASE, "/crl/", "/1.crl"), ERR_OK},
        {own_url(FORMER, "/crl/", "/900.crl"), ERR_OK},
        {own_url(BASE, "/crl/", ".crl"), ERR_LINT},
        {own_url(BASE, "/crl/", "/x.crl"), ERR_LINT},
        {own_url("http://evil.example", "/crl/", "/1.crl"), ERR_LINT},
        {"http://evil.example/", ERR_LINT},
    };
    struct signer_core *core = NULL;
    int64_t later = clock_now() + 7 * 86400;

    (void)state;
    (void)profile_of("test"); /* reads the settings */
    assert_int_equal(signer_fixture_open(&core, -1), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct signer_list list = {0};
        struct err_info why = {0};
        enum err result = signer_core_read_list(
            core, signer_fixture_list(&fixture.issuer, 7, later, rows[i].url), &list,
            &why);
        if (result != rows[i].result)
            fail_msg("row %zu: %s: %s", i, err_name(result), why.detail);
    }
    signer_core_free(core);
    fixture.published = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_ahead),
        cmocka_unit_test(asked_again),
        cmocka_unit_test(points_where_the_settings_say),
        cmocka_unit_test(begins_when_the_settings_say),
        cmocka_unit_test(lists_are_where_the_settings_say),
    };
    return cmocka_run_group_tests(tests, signer_fixture_set_up, signer_fixture_tear_down);
}
