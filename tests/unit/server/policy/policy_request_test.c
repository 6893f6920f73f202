/* Tests of what a profile takes of a certificate request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/policy/policy.h"

static struct arena *arena;
static struct key *p256, *rsa;

/* The profile "a" of a file that says this of it. */
static const struct settings_profile *profile(const char *options)
{
    const struct settings *s = NULL;
    struct err_info why = {0};
    const char *text = arena_printf(arena, "profiles:\n  a: {%s}\n", options);

    if (settings_read(arena, "/ca", span_of(text), NULL, 0, &s, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return settings_profile(s, "a");
}

#define STAPLE ", ocsp_urls: 'http://a.test/'"

/* S-FIN-8, X-TLS-23, X-TLS-25 */
static void requests(void **state)
{
    static char long_name[66];
    const struct csr_checked plain = {.key = p256};
    const struct csr_checked large = {.key = rsa};
    const struct csr_checked named = {.key = p256, .common_name = "a.test"};
    const struct csr_checked too_long = {.key = p256, .common_name = long_name};
    const struct csr_checked stapled = {.key = p256, .must_staple = true};
    const struct {
        const char *options;
        const struct csr_checked *csr;
        bool renewed;
        const char *words; /* NULL: taken */
    } rows[] = {
        {"", &plain, false, NULL},
        {"", &large, false, NULL},
        {"key_types: [rsa3072, rsa2048]", &large, false, NULL},
        {"key_types: [rsa3072, p384]", &large, false,
         "the key is of type rsa2048; the profile \"a\" takes these: rsa3072, p384"},
        {"key_types: [p384, ed25519]", &plain, false,
         "the key is of type p256; the profile \"a\" takes these: p384, ed25519"},
        {"", &named, false, NULL},
        {"", &too_long, false, NULL},
        {"common_name: first", &too_long, false, NULL},
        {"common_name: csr", &named, false, NULL},
        {"common_name: csr", &too_long, false, "longer than the 64 characters"},
        {"common_name: csr", &too_long, true, NULL},
        {"common_name: refuse", &named, false, "the request has a common name"},
        {"common_name: refuse", &plain, false, NULL},
        {"", &stapled, false, "must-staple, which the profile \"a\" does not allow"},
        {"must_staple: allow" STAPLE, &stapled, false, NULL},
        {"must_staple: allow" STAPLE, &plain, false, NULL},
        {"must_staple: allow" STAPLE, &stapled, true, "renewed automatically"},
        {"must_staple: always" STAPLE, &stapled, true, NULL},
        {"must_staple: always" STAPLE, &plain, true, NULL},
    };

    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        enum err result = policy_request(arena, profile(rows[i].options), rows[i].csr,
                                         rows[i].renewed, false, &why);
        if (result != (rows[i].words == NULL ? ERR_OK : ERR_BAD_CSR) ||
            (rows[i].words != NULL && strstr(why.detail, rows[i].words) == NULL))
            fail_msg("%zu: %s: %s", i, rows[i].options, why.detail);
    }
}

/* Of devices device_subject says it, and common_name nothing. S-DA-12 */
static void devices(void **state)
{
    static char long_name[66];
    const struct csr_checked named = {.key = p256, .common_name = "a"};
    const struct csr_checked too_long = {.key = p256, .common_name = long_name};
    const struct {
        const char *options;
        const struct csr_checked *csr;
        bool renewed;
        enum err code;
    } rows[] = {
        {"common_name: refuse", &named, false, ERR_OK},
        {"", &too_long, false, ERR_BAD_CSR},
        {"", &too_long, true, ERR_OK},
        {"device_subject: drop", &too_long, false, ERR_OK},
        {"device_subject: template, common_name: csr", &too_long, false, ERR_OK},
    };

    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        enum err result = policy_request(arena, profile(rows[i].options), rows[i].csr,
                                         rows[i].renewed, true, &why);
        if (result != rows[i].code)
            fail_msg("%zu: %s: %s", i, rows[i].options, why.detail);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return key_generate(KEY_P256, 0, &p256, NULL) != ERR_OK ||
           key_generate(KEY_RSA, 2048, &rsa, NULL) != ERR_OK;
}

static int tear_down(void **state)
{
    (void)state;
    key_free(p256);
    key_free(rsa);
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests),
                                       cmocka_unit_test(devices)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
