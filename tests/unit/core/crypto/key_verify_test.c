/* Tests of core/crypto/key_verify, with signatures by OpenSSL's EVP interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/crypto/key_verify.h"

static const char message[] = "what a TPM says";

struct row {
    const char *name; /* of OpenSSL's key: a curve, or RSA */
    enum key_verify_scheme scheme;
    enum hash_kind hash;
    const char *digest;
    int salt; /* of PSS */
};

static const struct row rows[] = {
    {"P-256", KEY_VERIFY_ECDSA, HASH_SHA256, "SHA256", 0},
    {"P-256", KEY_VERIFY_ECDSA, HASH_SHA384, "SHA384", 0},
    {"P-384", KEY_VERIFY_ECDSA, HASH_SHA256, "SHA256", 0},
    {"P-521", KEY_VERIFY_ECDSA, HASH_SHA512, "SHA512", 0},
    {"P-256", KEY_VERIFY_ECDSA, HASH_SHA1, "SHA1", 0},
    {"RSA", KEY_VERIFY_RSASSA, HASH_SHA256, "SHA256", 0},
    {"RSA", KEY_VERIFY_RSASSA, HASH_SHA512, "SHA512", 0},
    {"RSA", KEY_VERIFY_RSASSA, HASH_SHA1, "SHA1", 0},
    {"RSA", KEY_VERIFY_RSAPSS, HASH_SHA256, "SHA256", RSA_PSS_SALTLEN_DIGEST},
    {"RSA", KEY_VERIFY_RSAPSS, HASH_SHA256, "SHA256", RSA_PSS_SALTLEN_MAX},
    {"RSA", KEY_VERIFY_RSAPSS, HASH_SHA384, "SHA384", 0},
};

static EVP_PKEY *make(const char *name)
{
    EVP_PKEY *pkey = name[0] == 'R' ? EVP_RSA_gen(2048) : EVP_EC_gen(name);

    assert_non_null(pkey);
    return pkey;
}

static struct key *ours(EVP_PKEY *pkey)
{
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(pkey, &spki);
    struct key *k = NULL;
    struct err_info why = {0};

    assert_true(len > 0);
    assert_int_equal(key_from_spki(span_make(spki, (size_t)len), &k, &why), ERR_OK);
    OPENSSL_free(spki);
    return k;
}

static size_t sign(EVP_PKEY *pkey, const struct row *row, uint8_t *signature, size_t room)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;

    assert_int_equal(
        EVP_DigestSignInit_ex(ctx, &key_ctx, row->digest, NULL, NULL, pkey, NULL), 1);
    if (row->scheme == KEY_VERIFY_RSAPSS) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, row->salt), 1);
    }
    assert_int_equal(
        EVP_DigestSign(ctx, signature, &room, (const uint8_t *)message, sizeof message),
        1);
    EVP_MD_CTX_free(ctx);
    return room;
}

static void good_and_wrong(void **state)
{
    const struct span said = span_make(message, sizeof message);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        uint8_t signature[512];
        struct err_info why = {0};
        EVP_PKEY *pkey = make(row->name);
        EVP_PKEY *stranger = make(row->name);
        AUTO(key) struct key *k = ours(pkey);
        AUTO(key) struct key *other = ours(stranger);
        struct span made =
            span_make(signature, sign(pkey, row, signature, sizeof signature));
        assert_int_equal(key_verify_scheme(k, row->scheme, row->hash, said, made, &why),
                         ERR_OK);
        assert_int_equal(
            key_verify_scheme(other, row->scheme, row->hash, said, made, &why),
            ERR_UNAUTHORIZED);
        assert_int_equal(key_verify_scheme(k, row->scheme, row->hash,
                                           span_make(message, sizeof message - 1), made,
                                           &why),
                         ERR_UNAUTHORIZED);
        assert_int_equal(
            key_verify_scheme(k, row->scheme,
                              row->hash == HASH_SHA256 ? HASH_SHA512 : HASH_SHA256, said,
                              made, &why),
            ERR_UNAUTHORIZED);
        assert_int_equal(key_verify_scheme(k, row->scheme, row->hash, said,
                                           span_make(signature, made.len - 1), &why),
                         ERR_UNAUTHORIZED);
        EVP_PKEY_free(pkey);
        EVP_PKEY_free(stranger);
    }
}

/* A scheme of another type of key, a hash nobody signs with, a key that signs messages.
 */
static void unfit(void **state)
{
    static const struct {
        enum key_type type;
        enum key_verify_scheme scheme;
        enum hash_kind hash;
    } unfit_rows[] = {
        {KEY_P256, KEY_VERIFY_RSASSA, HASH_SHA256},
        {KEY_P256, KEY_VERIFY_RSAPSS, HASH_SHA256},
        {KEY_RSA, KEY_VERIFY_ECDSA, HASH_SHA256},
        {KEY_RSA, KEY_VERIFY_RSASSA, HASH_SHA224},
        {KEY_ED25519, KEY_VERIFY_ECDSA, HASH_SHA256},
        {KEY_ED25519, KEY_VERIFY_RSASSA, HASH_SHA256},
    };

    (void)state;
    for (size_t i = 0; i < sizeof unfit_rows / sizeof *unfit_rows; i++) {
        AUTO(key) struct key *k = NULL;
        struct err_info why = {0};
        assert_int_equal(key_generate(unfit_rows[i].type, 2048, &k, &why), ERR_OK);
        assert_int_equal(key_verify_scheme(k, unfit_rows[i].scheme, unfit_rows[i].hash,
                                           span_of(message), span_of("signature"), &why),
                         ERR_BAD_SIGNATURE_ALGORITHM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_and_wrong),
        cmocka_unit_test(unfit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
