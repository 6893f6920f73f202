/* Tests of core/crypto/key_pem and key_wrap: private keys in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/key.h"
#include "key_fixtures.h"

static struct secret secret_of(const char *text)
{
    return secret_make(span_of(text));
}

static void reads_what_openssl_wrote(void **state)
{
    static const struct {
        const char *pem;
        const char *passphrase;
        enum key_type type;
    } rows[] = {
        {pem_p256_sec1, NULL, KEY_P256},
        {pem_p256_pkcs8, NULL, KEY_P256},
        {pem_p256_pkcs8, "not needed", KEY_P256},
        {pem_p256_encrypted, "correct", KEY_P256},
        {pem_p256_legacy_encrypted, "correct", KEY_P256},
        {pem_rsa_pkcs1, NULL, KEY_RSA},
        {pem_rfc7515_a2, NULL, KEY_RSA},
        {pem_rfc8037_a1, NULL, KEY_ED25519},
    };
    uint8_t spki[100];
    size_t len = 0;

    (void)state;
    assert_true(text_unhex(span_of(spki_p256), spki, sizeof spki, &len));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO(secret) struct secret passphrase = secret_of(rows[i].passphrase);
        struct key *k = NULL;
        struct err_info why = {0};
        if (key_from_pem(span_of(rows[i].pem),
                         rows[i].passphrase == NULL ? NULL : &passphrase, &k,
                         &why) != ERR_OK)
            fail_msg("row %zu: %s", i, why.detail);
        assert_int_equal(key_type(k), rows[i].type);
        assert_true(key_is_private(k));
        if (rows[i].type == KEY_P256)
            assert_true(span_equal(key_spki(k), span_make(spki, len)));
        key_free(k);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *pem;
        const char *passphrase;
        enum err code;
        const char *sentence; /* part of it */
    } rows[] = {
        {"", NULL, ERR_CRYPTO, "empty"},
        {"no key here\n", NULL, ERR_CRYPTO, "no readable PEM private key"},
        {pem_p256_public, NULL, ERR_CRYPTO, "no readable PEM private key"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL,
         ERR_CRYPTO, "no readable PEM private key"},
        {pem_p256_encrypted, NULL, ERR_CRYPTO, "a passphrase is needed"},
        {pem_p256_encrypted, "wrong", ERR_CRYPTO, "passphrase of the key is wrong"},
        {pem_p256_encrypted, "", ERR_CRYPTO, "passphrase of the key is wrong"},
        {pem_p256_legacy_encrypted, NULL, ERR_CRYPTO, "a passphrase is needed"},
        {pem_p256_legacy_encrypted, "wrong", ERR_CRYPTO,
         "passphrase of the key is wrong"},
        {pem_p256_mismatch, NULL, ERR_CRYPTO, "private and the public half"},
        {pem_rsa1024, NULL, ERR_BAD_PUBLIC_KEY, "1024"},
        {pem_secp256k1, NULL, ERR_BAD_PUBLIC_KEY, "no curve we use"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO(secret) struct secret passphrase = secret_of(rows[i].passphrase);
        struct key *k = NULL;
        struct err_info why = {0};
        assert_int_equal(key_from_pem(span_of(rows[i].pem),
                                      rows[i].passphrase == NULL ? NULL : &passphrase, &k,
                                      &why),
                         rows[i].code);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("row %zu: %s", i, why.detail);
        assert_null(k);
        assert_int_equal(ERR_peek_error(), 0); /* nothing is left for the next user */
    }
}

static void written_and_read(void **state)
{
    static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_P521, KEY_ED25519,
                                          KEY_RSA};
    AUTO(secret) struct secret passphrase = secret_of("a passphrase");

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int encrypted = 0; encrypted < 2; encrypted++) {
            AUTO(secret) struct secret pem = {0};
            struct key *k = NULL;
            struct key *again = NULL;
            const struct secret *with = encrypted ? &passphrase : NULL;
            assert_int_equal(key_generate(types[i], 2048, &k, NULL), ERR_OK);
            assert_int_equal(key_to_pem(k, with, &pem, NULL), ERR_OK);
            const char *first = encrypted ? "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                          : "-----BEGIN PRIVATE KEY-----\n";
            assert_memory_equal(pem.data, first, strlen(first));
            assert_int_equal(
                key_from_pem(span_make(pem.data, pem.len), with, &again, NULL), ERR_OK);
            assert_true(key_equal(k, again));
            key_free(k);
            key_free(again);
        }
}

static void nothing_to_write(void **state)
{
    struct key *k = NULL;
    struct key *public_key = NULL;
    struct secret pem = {0};
    struct secret empty = {0};

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &k, NULL), ERR_OK);
    assert_int_equal(key_from_spki(key_spki(k), &public_key, NULL), ERR_OK);
    assert_int_equal(key_to_pem(public_key, NULL, &pem, NULL), ERR_CRYPTO);
    assert_int_equal(key_to_pem(k, &empty, &pem, NULL), ERR_CRYPTO);
    assert_null(pem.data);
    key_free(public_key);
    key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_openssl_wrote),
        cmocka_unit_test(refuses),
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(nothing_to_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
