/* Tests of core/pkcs11: keys made by us and by OpenSC's pkcs11-tool in SoftHSM, judged by
 * our own and pkcs11-tool's verification, and by what the token tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/pkcs11/pkcs11.h"
#include "softhsm.h"

#define THREADS    8
#define SIGNATURES 25

static struct secret pin = {(uint8_t *)(uintptr_t)SOFTHSM_PIN, sizeof SOFTHSM_PIN - 1};
static const struct pkcs11_access access_plain = {SOFTHSM_MODULE, &pin, 4};

static int begin(void **state)
{
    (void)state;
    return softhsm_begin() && softhsm_token("first") ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    softhsm_end();
    return 0;
}

static struct pkcs11_uri uri_of(struct arena *a, const char *text)
{
    struct pkcs11_uri uri = {0};
    struct err_info why = {0};

    if (pkcs11_uri_read(a, span_of(text), &uri, &why) != ERR_OK)
        fail_msg("%s: %s", text, why.detail);
    return uri;
}

static struct key *open_key(struct pkcs11 *p, const char *text)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct pkcs11_uri uri = uri_of(a, text);
    struct err_info why = {0};
    struct key *k = NULL;

    if (pkcs11_key_open(p, &uri, &access_plain, span_make(NULL, 0), &k, &why) != ERR_OK)
        fail_msg("%s: %s", text, why.detail);
    return k;
}

static void expect_refusal(struct pkcs11 *p, const char *text,
                           const struct pkcs11_access *access, const char *sentence)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct pkcs11_uri uri = uri_of(a, text);
    struct err_info why = {0};
    struct key *k = NULL;

    if (pkcs11_key_open(p, &uri, access, span_make(NULL, 0), &k, &why) == ERR_OK)
        fail_msg("%s was opened", text);
    if (strstr(why.detail, sentence) == NULL)
        fail_msg("%s: %s", text, why.detail);
    assert_null(strstr(why.detail, SOFTHSM_PIN));
}

/* ---- ---- */

static const struct {
    const char *object;
    enum key_type type;
    int rsa_bits;
    const char *openssl; /* how openssl names such keys */
} types[] = {
    {"made-p256", KEY_P256, 0, "NIST CURVE: P-256"},
    {"made-p384", KEY_P384, 0, "NIST CURVE: P-384"},
    {"made-ed25519", KEY_ED25519, 0, "ED25519"},
    {"made-rsa2048", KEY_RSA, 2048, "(2048 bit)"},
    {"made-rsa3072", KEY_RSA, 3072, "(3072 bit)"},
    {"made-rsa4096", KEY_RSA, 4096, "(4096 bit)"},
};
#define TYPES (sizeof types / sizeof types[0])

/* What openssl makes of the public half, and of the signature. */
static void judge(struct key *k, const char *openssl)
{
    char path[128];
    char command[512];
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;
    struct span message = span_of("what is signed");
    const char *digest = key_type(k) == KEY_P384      ? "-sha384"
                         : key_type(k) == KEY_ED25519 ? ""
                                                      : "-sha256";

    assert_int_equal(key_sign(k, key_x509_signature(k), message, signature, &len, NULL),
                     ERR_OK);
    (void)softhsm_run("rm -f $D/spki $D/signature $D/message");
    (void)snprintf(path, sizeof path, "%s/spki", softhsm_folder());
    assert_int_equal(file_create(path, key_spki(k), 0600, NULL), ERR_OK);
    (void)snprintf(path, sizeof path, "%s/signature", softhsm_folder());
    assert_int_equal(file_create(path, span_make(signature, len), 0600, NULL), ERR_OK);
    (void)snprintf(path, sizeof path, "%s/message", softhsm_folder());
    assert_int_equal(file_create(path, message, 0600, NULL), ERR_OK);
    (void)snprintf(command, sizeof command,
                   "openssl pkey -pubin -inform DER -in $D/spki -noout -text | grep -q "
                   "'%s' && openssl pkeyutl -verify -pubin -keyform DER -inkey $D/spki "
                   "-rawin -in $D/message %s%s -sigfile $D/signature > /dev/null",
                   openssl, digest[0] != '\0' ? "-digest " : "",
                   digest[0] != '\0' ? digest + 1 : "");
    assert_true(softhsm_run(command));
}

static void keys_are_made_and_found_again(void **state)
{
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
        AUTO(key) struct key *made = NULL;
        AUTO(key) struct key *again = NULL;
        struct err_info why = {0};
        struct pkcs11_uri named;
        struct pkcs11_uri uri =
            uri_of(a, arena_printf(a, "pkcs11:token=first;object=%s", types[i].object));
        if (pkcs11_key_generate(a, p, &uri, &access_plain, types[i].type,
                                types[i].rsa_bits, &made, &named, &why) != ERR_OK)
            fail_msg("%s: %s", types[i].object, why.detail);
        assert_int_equal(key_type(made), types[i].type);
        assert_true(key_is_private(made) && key_is_outside(made));
        judge(made, types[i].openssl);
        assert_int_equal(named.id.len, 16);
        again = open_key(p, pkcs11_uri_text(a, &named));
        assert_true(key_equal(made, again));
        assert_int_equal(pkcs11_key_generate(a, p, &uri, &access_plain, types[i].type,
                                             types[i].rsa_bits, &again, &named, &why),
                         ERR_EXISTS);
    }
}

static void what_is_made_cannot_leave(void **state)
{
    (void)state;
    assert_true(softhsm_tool("first", "-O --type privkey"));
    assert_true(softhsm_run("test $(grep -c 'never extractable' $D/log) -ge 6 && test "
                            "$(grep -c 'always sensitive' $D/log) -ge 6 && ! grep -i "
                            "'decrypt\\|unwrap\\|derive' $D/log"));
}

static void keys_of_others_are_opened(void **state)
{
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    static const char *const commands[] = {
        "--keypairgen --key-type EC:prime256v1 --id a1 --label 'of others'",
        "--keypairgen --key-type EC:secp384r1 --id a2",
        "--keypairgen --key-type RSA:2048 --id a3 --label rsa",
        "--keypairgen --key-type EC:edwards25519 --id a4 --label ed",
        "--keypairgen --key-type EC:secp521r1 --id a5",
    };
    static const struct {
        const char *uri;
        const char *openssl;
        enum key_type type;
    } rows[] = {
        {"pkcs11:token=first;object=of%20others", "NIST CURVE: P-256", KEY_P256},
        {"pkcs11:token=first;id=%A2", "NIST CURVE: P-384", KEY_P384},
        {"pkcs11:token=first;id=%A3;object=rsa", "2048 bit", KEY_RSA},
        {"pkcs11:token=first;id=%A4", "ED25519", KEY_ED25519},
    };

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        assert_true(softhsm_tool("first", commands[i]));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(key) struct key *k = open_key(p, rows[i].uri);
        assert_int_equal(key_type(k), rows[i].type);
        judge(k, rows[i].openssl);
    }
    AUTO(key) struct key *large = open_key(p, "pkcs11:token=first;id=%A5");
    assert_int_equal(key_type(large), KEY_P521);
}

static void every_kind_of_signature(void **state)
{
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *rsa = open_key(p, "pkcs11:token=first;id=%A3");
    AUTO(key) struct key *ec = open_key(p, "pkcs11:token=first;id=%A1");
    static const enum key_signature rsa_kinds[] = {
        KEY_SIGNATURE_RS256, KEY_SIGNATURE_RS384, KEY_SIGNATURE_RS512};
    static const enum key_signature ec_kinds[] = {
        KEY_SIGNATURE_ES256, KEY_SIGNATURE_ECDSA_SHA256, KEY_SIGNATURE_ECDSA_SHA384,
        KEY_SIGNATURE_ECDSA_SHA512};
    AUTO(key) struct key *rsa_public = NULL;
    AUTO(key) struct key *ec_public = NULL;
    uint8_t signature[KEY_SIGNATURE_MAX];
    struct span message = span_of("what is signed");
    struct secret pem = {0};
    size_t len = 0;

    (void)state;
    assert_int_equal(key_from_spki(key_spki(rsa), &rsa_public, NULL), ERR_OK);
    assert_int_equal(key_from_spki(key_spki(ec), &ec_public, NULL), ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(key_sign(rsa, rsa_kinds[i], message, signature, &len, NULL),
                         ERR_OK);
        assert_int_equal(key_verify(rsa_public, rsa_kinds[i], message,
                                    span_make(signature, len), NULL),
                         ERR_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(key_sign(ec, ec_kinds[i], message, signature, &len, NULL),
                         ERR_OK);
        assert_int_equal(
            key_verify(ec_public, ec_kinds[i], message, span_make(signature, len), NULL),
            ERR_OK);
    }
    /* what does not fit, and what tokens are not asked for */
    assert_int_equal(key_sign(rsa, KEY_SIGNATURE_PS256, message, signature, &len, NULL),
                     ERR_CRYPTO);
    assert_int_equal(key_sign(ec, KEY_SIGNATURE_ES384, message, signature, &len, NULL),
                     ERR_CRYPTO);
    assert_int_equal(key_to_pem(ec, NULL, &pem, NULL), ERR_CRYPTO);
    assert_null(pem.data);
}

/* The certificate beside the key, or the caller, knows what the token does not. */
static void a_public_half_from_elsewhere(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *before = open_key(p, "pkcs11:token=first;id=%A1");
    AUTO(key) struct key *other = open_key(p, "pkcs11:token=first;id=%A2");
    const struct pkcs11_uri uri = uri_of(a, "pkcs11:token=first;id=%A1");
    struct err_info why = {0};
    struct key *k = NULL;
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/a1", softhsm_folder());
    assert_int_equal(file_create(path, key_spki(before), 0600, NULL), ERR_OK);
    assert_true(softhsm_run(
        "cd $D && echo basicConstraints=CA:TRUE > ext && openssl ecparam -genkey -name "
        "prime256v1 -noout -out ca.key "
        "2>/dev/null "
        "&& openssl req -x509 -new -key ca.key -subj /CN=ca -days 9 -out ca.pem "
        "2>/dev/null && openssl pkey -pubin -inform DER -in a1 -out a1.pem && openssl "
        "req -new -key ca.key -subj /CN=k -out k.csr 2>/dev/null && openssl x509 -req "
        "-in k.csr -extfile ext -force_pubkey a1.pem -CA ca.pem -CAkey ca.key "
        "-set_serial 7 -days 9 "
        "-outform DER -out a1.crt 2>/dev/null"));
    assert_true(softhsm_tool("first", "--delete-object --type pubkey --id a1"));
    expect_refusal(p, "pkcs11:token=first;id=%A1", &access_plain,
                   "neither a public key nor a certificate");
    assert_int_equal(pkcs11_key_open(p, &uri, &access_plain, key_spki(before), &k, NULL),
                     ERR_OK);
    key_free(k);
    /* not the one that belongs to it */
    AUTO(key) struct key *wrong = NULL;
    assert_int_equal(key_generate(KEY_P256, 0, &wrong, NULL), ERR_OK);
    assert_int_equal(pkcs11_key_open(p, &uri, &access_plain, key_spki(wrong), &k, &why),
                     ERR_CRYPTO);
    assert_non_null(strstr(why.detail, "does not verify"));
    assert_int_equal(pkcs11_key_open(p, &uri, &access_plain, key_spki(other), &k, &why),
                     ERR_CRYPTO);
    assert_true(softhsm_tool("first", "--write-object $D/a1.crt --type cert --id a1"));
    AUTO(key) struct key *again = open_key(p, "pkcs11:token=first;id=%A1");
    assert_true(key_equal(before, again));
}

static void what_is_not_there_is_said(void **state)
{
    static const struct secret wrong = {(uint8_t *)(uintptr_t) "000000", 6};
    const struct pkcs11_access no_module = {"/nowhere/module.so", &pin, 1};
    const struct pkcs11_access unnamed = {"", &pin, 1};
    const struct pkcs11_access no_library = {"/etc/passwd", &pin, 1};
    const struct pkcs11_access other_library = {"/lib/x86_64-linux-gnu/libz.so.1", &pin,
                                                1};
    const struct pkcs11_access no_pin = {SOFTHSM_MODULE, NULL, 1};
    const struct pkcs11_access wrong_pin = {SOFTHSM_MODULE, &wrong, 1};
    const char *good = "pkcs11:token=first;id=%A2";

    (void)state;
    for (int i = 0; i < 9; i++) {
        AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
        switch (i) {
        case 0:
            expect_refusal(p, good, &no_module, "there is no PKCS #11 module /nowhere");
            break;
        case 1:
            expect_refusal(p, good, &unnamed, "no PKCS #11 module is named");
            break;
        case 2:
            expect_refusal(p, good, &no_library, "cannot be loaded");
            break;
        case 3:
            expect_refusal(p, good, &other_library, "is no PKCS #11 module");
            break;
        case 4:
            expect_refusal(p, good, &no_pin, "wants a PIN");
            break;
        case 5:
            expect_refusal(p, good, &wrong_pin, "PIN is wrong (CKR_PIN_INCORRECT)");
            /* a token counts */
            expect_refusal(p, good, &wrong_pin, "not tried again");
            break;
        case 6:
            expect_refusal(p, "pkcs11:token=second;id=%A2", &access_plain,
                           "the token \"second\" is not there");
            break;
        case 7:
            expect_refusal(p, "pkcs11:token=first;object=nothing", &access_plain,
                           "has no private key called \"nothing\"");
            break;
        default:
            expect_refusal(p, "pkcs11:token=first;serial=77;id=%A2", &access_plain,
                           "is not there");
        }
    }
}

static void a_module_of_others_is_not_loaded(void **state)
{
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    char path[128];
    struct err_info why = {0};

    (void)state;
    (void)snprintf(path, sizeof path, "%s/module.so", softhsm_folder());
    assert_true(softhsm_run("cp " SOFTHSM_MODULE " $D/module.so && chmod 0664 "
                            "$D/module.so"));
    assert_int_equal(pkcs11_load(p, path, &why), ERR_CONFIG);
    assert_non_null(strstr(why.detail, "others than root"));
}

/* ---- many at once ---- */

static void *sign_many(void *context)
{
    struct key *k = context;
    struct key *public_half = NULL;
    uintptr_t good = 0;

    if (key_from_spki(key_spki(k), &public_half, NULL) != ERR_OK)
        return NULL;
    for (int i = 0; i < SIGNATURES; i++) {
        uint8_t signature[KEY_SIGNATURE_MAX];
        char message[32];
        size_t len = 0;
        (void)snprintf(message, sizeof message, "%p %d", (void *)&len, i);
        good += key_sign(k, key_x509_signature(k), span_of(message), signature, &len,
                         NULL) == ERR_OK &&
                key_verify(public_half, key_x509_signature(k), span_of(message),
                           span_make(signature, len), NULL) == ERR_OK;
    }
    key_free(public_half);
    return (void *)good;
}

static void many_threads_share_few_sessions(void **state)
{
    AUTO(pkcs11) struct pkcs11 *p = pkcs11_new();
    AUTO(key) struct key *ec = open_key(p, "pkcs11:token=first;id=%A2");
    AUTO(key) struct key *rsa = open_key(p, "pkcs11:token=first;id=%A3");
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, sign_many, i % 2 == 0 ? ec : rsa), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((uintptr_t)good, SIGNATURES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_made_and_found_again),
        cmocka_unit_test(what_is_made_cannot_leave),
        cmocka_unit_test(keys_of_others_are_opened),
        cmocka_unit_test(every_kind_of_signature),
        cmocka_unit_test(a_public_half_from_elsewhere),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(a_module_of_others_is_not_loaded),
        cmocka_unit_test(many_threads_share_few_sessions),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
