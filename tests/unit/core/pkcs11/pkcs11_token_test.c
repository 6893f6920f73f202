/* Tests of core/pkcs11/pkcs11_token: tokens that go and come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pkcs11/pkcs11.h"
#include "softhsm.h"

#define PATIENCE_S 30

static struct secret pin = {(uint8_t *)(uintptr_t)SOFTHSM_PIN, sizeof SOFTHSM_PIN - 1};
static const struct pkcs11_access access_plain = {SOFTHSM_MODULE, &pin, 2};

static struct {
    int missed;
    int back;
    char text[ERR_DETAIL_MAX];
} seen;

static void watch(void *context, const char *token, const struct err_info *trouble)
{
    (void)context;
    assert_non_null(strstr(token, "the token \"goes\""));
    if (trouble == NULL)
        seen.back++;
    else
        seen.missed++;
    if (trouble != NULL)
        (void)snprintf(seen.text, sizeof seen.text, "%s", trouble->detail);
}

static int begin(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    return softhsm_begin() && softhsm_token("goes") &&
                   softhsm_tool("goes",
                                "--keypairgen --key-type EC:prime256v1 --id 01") &&
                   softhsm_run("mkdir $D/away $D/parked && mv $D/tokens/* $D/parked/") &&
                   softhsm_token("stays") &&
                   softhsm_tool("stays",
                                "--keypairgen --key-type EC:prime256v1 --id 01") &&
                   softhsm_run("mv $D/parked/* $D/tokens/ && for t in $D/tokens/*; do "
                               "grep -q goes $t/token.object && echo $t > $D/which; "
                               "done; test -s $D/which")
               ? 0
               : -1;
}

static int end(void **state)
{
    (void)state;
    softhsm_end();
    return 0;
}

static struct key *open_key(struct pkcs11 *p, const char *text)
{
    AUTO(arena) struct arena *a = arena_new();
    struct pkcs11_uri uri;
    struct err_info why = {0};
    struct key *k = NULL;

    assert_int_equal(pkcs11_uri_read(a, span_of(text), &uri, NULL), ERR_OK);
    if (pkcs11_key_open(p, &uri, &access_plain, span_make(NULL, 0), &k, &why) != ERR_OK)
        fail_msg("%s: %s", text, why.detail);
    return k;
}

static enum err use(const struct key *k, struct err_info *why)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    return key_sign(k, KEY_SIGNATURE_ECDSA_SHA256, span_of("x"), signature, &len, why);
}

/* Until it works again, or fails. */
static enum err use_until(const struct key *k, enum err wanted, struct err_info *why)
{
    enum err result = ERR_INTERNAL;

    for (int i = 0; i < PATIENCE_S * 10 && result != wanted; i++) {
        result = use(k, why);
        if (result != wanted)
            (void)usleep(100000);
    }
    return result;
}

static void a_token_goes_and_comes_back(void **state)
{
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *k = open_key(p, "pkcs11:token=goes;id=%01");
    AUTO(key) struct key *other = open_key(p, "pkcs11:token=stays;id=%01");
    struct err_info why = {0};

    (void)state;
    pkcs11_watch(p, watch, NULL);
    for (int round = 1; round <= 2; round++) {
        assert_int_equal(use(k, &why), ERR_OK);
        assert_true(softhsm_run("mv $(cat $D/which) $D/away/"));
        assert_int_equal(use_until(k, ERR_CRYPTO, &why), ERR_CRYPTO);
        assert_int_equal(use(k, &why), ERR_CRYPTO);
        assert_non_null(strstr(why.detail, "the token \"goes\""));
        /* who is there goes on, also while the module is started anew */
        for (int i = 0; i < 5; i++)
            assert_int_equal(use(other, &why), ERR_OK);
        assert_true(softhsm_run("mv $D/away/* $D/tokens/"));
        assert_int_equal(use_until(k, ERR_OK, &why), ERR_OK);
        assert_int_equal(seen.missed, round);
        assert_int_equal(seen.back, round);
        assert_non_null(strstr(seen.text, "the token \"goes\""));
    }
}

/* ---- a module that falls ill (tests/lib/ill_token.c) ---- */

static char ill_module[512];

static int begin_ill(void **state)
{
    char file[128];
    ssize_t len = readlink("/proc/self/exe", ill_module, sizeof ill_module - 64);

    if (begin(state) != 0 || len <= 0)
        return -1;
    ill_module[len] = '\0';
    static const char library[] = "/../lib/libill_token.so";
    memcpy(strrchr(ill_module, '/'), library, sizeof library);
    (void)snprintf(file, sizeof file, "%s/ill", softhsm_folder());
    (void)setenv("ILL_TOKEN_FILE", file, 1);
    (void)setenv("ILL_TOKEN_MODULE", SOFTHSM_MODULE, 1);
    return 0;
}

static void fall_ill(const char *words)
{
    char command[128];

    (void)snprintf(command, sizeof command, "printf '%s' > $D/ill", words);
    assert_true(softhsm_run(command));
}

static struct key *open_ill(struct pkcs11 *p)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct pkcs11_access access = {ill_module, &pin, 2};
    struct pkcs11_uri uri;
    struct err_info why = {0};
    struct key *k = NULL;

    assert_int_equal(pkcs11_uri_read(a, span_of("pkcs11:token=goes;id=%01"), &uri, NULL),
                     ERR_OK);
    if (pkcs11_key_open(p, &uri, &access, span_make(NULL, 0), &k, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    return k;
}

/* What a token forgets is made anew, so that nobody notices. */
static void what_is_forgotten_is_made_anew(void **state)
{
    static const char *const illnesses[] = {
        "logout",    "close",        "once 0xb3",       "once 0xb0",    "once 0x101",
        "once 0x82", "once 0x60",    "once 0x30",       "once 0x5",     "once 0x6",
        "once 0x32", "once 0xe0",    "once 0x80000001", "once 0x190",   "logout again",
        "close 2",   "once 0x30 20", "once 0x90",       "once 0x2 more"};
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *k = open_ill(p);
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof illnesses / sizeof illnesses[0]; i++) {
        fall_ill(illnesses[i]);
        for (int j = 0; j < 3; j++)
            if (use(k, &why) != ERR_OK)
                fail_msg("%s: %s", illnesses[i], why.detail);
    }
}

/* For somebody at a terminal: what it is about as a code, the option, and the attempts
 * that are left as far as the token tells (flags of CK_TOKEN_INFO). */
static void a_user_is_told_what_to_do(void **state)
{
    static const struct {
        const char *words;
        enum err code;
        const char *sentence;
    } rows[] = {
        {"login 0xa0 0", ERR_UNAUTHORIZED,
         "\"goes\": the PIN is wrong (CKR_PIN_INCORRECT)"},
        {"login 0xa0 0x10000", ERR_UNAUTHORIZED,
         "(CKR_PIN_INCORRECT); each wrong one brings"},
        {"login 0xa0 0x30000", ERR_UNAUTHORIZED, "(CKR_PIN_INCORRECT); one try is left"},
        {"login 0xa0 0x70000", ERR_UNAUTHORIZED, "(CKR_PIN_INCORRECT); it is locked now"},
        {"login 0xa4 0x40000", ERR_LOCKED,
         "security officer can set a new one (CKR_PIN_LOCKED)"},
        {"login 0xa2 0", ERR_UNAUTHORIZED, "shorter or longer"},
        {"login 0x30 0", ERR_CRYPTO, "CKR_DEVICE_ERROR"},
        {"flags 0x40000", ERR_LOCKED, "the PIN is locked; the token's security officer"},
        {"flags 0x20000", ERR_UNAUTHORIZED, "would lock it, so none is tried"},
    };
    const struct pkcs11_access access = {ill_module, &pin, 1};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
        struct pkcs11_uri uri;
        struct err_info why = {0};
        struct key *k = NULL;
        assert_int_equal(
            pkcs11_uri_read(a, span_of("pkcs11:token=goes;id=%01"), &uri, NULL), ERR_OK);
        pkcs11_serve_user(p, "--pin-file");
        fall_ill(rows[i].words);
        enum err result = pkcs11_key_open(p, &uri, &access, span_make(NULL, 0), &k, &why);
        if (result != rows[i].code || why.code != rows[i].code ||
            strstr(why.detail, rows[i].sentence) == NULL ||
            strstr(why.detail, "restart") != NULL)
            fail_msg("%s: %d %s", rows[i].words, (int)result, why.detail);
    }
    fall_ill("none");
}

static void what_stays_is_said(void **state)
{
    static const struct {
        const char *words;
        const char *sentence;
    } rows[] = {
        {"answer 0x5", "(CKR_GENERAL_ERROR)"},
        {"answer 0x68", "may not be used for signatures"},
        {"answer 0x70", "does not support"},
        {"answer 0xe0", "the token is not there (CKR_TOKEN_NOT_PRESENT)"},
        {"answer 0x80000001", "the module answered 0x80000001"},
        {"garbage", "does not verify"},
    };
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *k = open_ill(p);
    struct err_info why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fall_ill(rows[i].words);
        assert_int_equal(use(k, &why), ERR_CRYPTO);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%s: %s", rows[i].words, why.detail);
        fall_ill("none");
        if (use_until(k, ERR_OK, &why) != ERR_OK)
            fail_msg("after %s: %s", rows[i].words, why.detail);
    }
}

/* The PIN is changed while it is used: tried once, and never again. */
static void a_wrong_pin_is_tried_once(void **state)
{
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *k = open_ill(p);
    struct err_info why = {0};

    (void)state;
    assert_true(softhsm_tool("goes", "--change-pin --new-pin 999999"));
    fall_ill("answer 0x5"); /* until the module is started anew, and reads it again */
    assert_int_equal(use(k, &why), ERR_CRYPTO);
    fall_ill("none");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(use(k, &why), ERR_CRYPTO);
        assert_non_null(strstr(why.detail, "not tried again before a restart"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_made_anew, begin_ill, end),
        cmocka_unit_test_setup_teardown(what_stays_is_said, begin_ill, end),
        cmocka_unit_test_setup_teardown(a_user_is_told_what_to_do, begin_ill, end),
        cmocka_unit_test_setup_teardown(a_wrong_pin_is_tried_once, begin_ill, end),
        cmocka_unit_test_setup_teardown(a_token_goes_and_comes_back, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
