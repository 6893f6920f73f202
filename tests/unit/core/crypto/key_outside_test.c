/* Tests of core/crypto/key_outside: a private half that OpenSSL keeps, behind our back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/crypto/ecdsa.h"
#include "core/crypto/key.h"

/* What a token does, by OpenSSL. */
struct device {
    EVP_PKEY *pkey;
    enum key_type type;
    size_t number_len;
    size_t last_input; /* octets it was given */
    bool lies;
    bool is_gone;
    int drops;
};

static enum err device_sign(void *owner, struct span input, uint8_t *signature,
                            size_t *len, struct err_info *why)
{
    struct device *d = owner;
    uint8_t made[KEY_SIGNATURE_MAX];
    size_t made_len = sizeof made;

    d->last_input = input.len;
    if (d->is_gone)
        return err_set(why, ERR_IO, "the device is gone");
    if (d->type == KEY_ED25519) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(md, NULL, NULL, NULL, d->pkey), 1);
        assert_int_equal(EVP_DigestSign(md, made, &made_len, input.data, input.len), 1);
        EVP_MD_CTX_free(md);
    } else {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(d->pkey, NULL);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        if (d->type == KEY_RSA) /* no hash set: what is given is padded as it is */
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
        assert_int_equal(EVP_PKEY_sign(ctx, made, &made_len, input.data, input.len), 1);
        EVP_PKEY_CTX_free(ctx);
    }
    if (d->number_len > 0) {
        assert_true(ecdsa_to_raw(span_make(made, made_len), d->number_len, signature));
        *len = 2 * d->number_len;
    } else {
        memcpy(signature, made, made_len);
        *len = made_len;
    }
    if (d->lies)
        signature[*len - 1] ^= 1;
    return ERR_OK;
}

static void device_drop(void *owner)
{
    ((struct device *)owner)->drops++;
}

static EVP_PKEY *make(enum key_type type)
{
    switch (type) {
    case KEY_P256:
        return EVP_EC_gen("P-256");
    case KEY_P384:
        return EVP_EC_gen("P-384");
    case KEY_P521:
        return EVP_EC_gen("P-521");
    case KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    default:
        break;
    }
    return EVP_RSA_gen(2048);
}

static struct key *bind(struct device *d)
{
    const struct key_outside outside = {device_sign, device_drop, d};
    struct key *k = NULL;
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(d->pkey, &der);

    assert_true(len > 0);
    assert_int_equal(key_from_outside(span_make(der, (size_t)len), &outside, &k, NULL),
                     ERR_OK);
    OPENSSL_free(der);
    return k;
}

static void every_type_signs(void **state)
{
    static const struct {
        enum key_type type;
        size_t number_len;
        enum key_signature kinds[4];
        size_t inputs[4]; /* octets the device is given */
    } rows[] = {
        {KEY_P256,
         32,
         {KEY_SIGNATURE_ES256, KEY_SIGNATURE_ECDSA_SHA256, KEY_SIGNATURE_ECDSA_SHA384},
         {32, 32, 48}},
        {KEY_P384, 48, {KEY_SIGNATURE_ES384, KEY_SIGNATURE_ECDSA_SHA384}, {48, 48}},
        {KEY_P521, 66, {KEY_SIGNATURE_ES512, KEY_SIGNATURE_ECDSA_SHA512}, {64, 64}},
        {KEY_ED25519, 0, {KEY_SIGNATURE_EDDSA}, {14}},
        {KEY_RSA,
         0,
         {KEY_SIGNATURE_RS256, KEY_SIGNATURE_RS384, KEY_SIGNATURE_RS512},
         {19 + 32, 19 + 48, 19 + 64}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device d = {
            make(rows[i].type), rows[i].type, rows[i].number_len, 0, false, false, 0};
        struct key *k = bind(&d);
        struct key *public_half = NULL;
        assert_true(key_is_private(k) && key_is_outside(k));
        assert_int_equal(key_type(k), rows[i].type);
        assert_int_equal(key_from_spki(key_spki(k), &public_half, NULL), ERR_OK);
        assert_false(key_is_outside(public_half));
        for (size_t j = 0; j < 4 && rows[i].inputs[j] > 0; j++) {
            uint8_t signature[KEY_SIGNATURE_MAX];
            size_t len = 0;
            struct span message = span_of("what is signed");
            assert_int_equal(
                key_sign(k, rows[i].kinds[j], message, signature, &len, NULL), ERR_OK);
            assert_int_equal(d.last_input, rows[i].inputs[j]);
            assert_int_equal(key_verify(public_half, rows[i].kinds[j], message,
                                        span_make(signature, len), NULL),
                             ERR_OK);
        }
        key_free(public_half);
        key_free(k);
        assert_int_equal(d.drops, 1);
        EVP_PKEY_free(d.pkey);
    }
}

/* A fault must not be published. */
static void what_does_not_verify_is_not_given_back(void **state)
{
    (void)state;
    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++) {
        static const size_t lens[] = {32, 48, 66, 0, 0};
        struct device d = {make(type), type, lens[type], 0, true, false, 0};
        struct key *k = bind(&d);
        struct err_info why = {0};
        uint8_t signature[KEY_SIGNATURE_MAX] = {0};
        size_t len = 7;
        assert_int_equal(
            key_sign(k, key_x509_signature(k), span_of("x"), signature, &len, &why),
            ERR_CRYPTO);
        assert_non_null(strstr(why.detail, "does not verify"));
        assert_int_equal(len, 7);
        assert_int_equal(signature[0], 0);
        d.is_gone = true;
        assert_int_equal(
            key_sign(k, key_x509_signature(k), span_of("x"), signature, &len, &why),
            ERR_IO);
        assert_string_equal(why.detail, "the device is gone");
        key_free(k);
        EVP_PKEY_free(d.pkey);
    }
}

static void what_it_cannot_do(void **state)
{
    struct device d = {make(KEY_RSA), KEY_RSA, 0, 0, false, false, 0};
    struct key *k = bind(&d);
    struct secret pem = {0};
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;
    struct err_info why = {0};
    const struct key_outside outside = {device_sign, device_drop, &d};
    struct key *none = NULL;

    (void)state;
    assert_int_equal(
        key_sign(k, KEY_SIGNATURE_PS256, span_of("x"), signature, &len, NULL),
        ERR_CRYPTO);
    assert_int_equal(
        key_sign(k, KEY_SIGNATURE_ES256, span_of("x"), signature, &len, NULL),
        ERR_CRYPTO);
    assert_int_equal(key_to_pem(k, NULL, &pem, &why), ERR_CRYPTO);
    assert_non_null(strstr(why.detail, "does not leave"));
    key_free(k);
    assert_int_equal(d.drops, 1);
    /* on failure the owner stays the caller's */
    assert_int_equal(key_from_outside(span_of("no key"), &outside, &none, NULL),
                     ERR_BAD_PUBLIC_KEY);
    assert_int_equal(d.drops, 1);
    EVP_PKEY_free(d.pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_signs),
        cmocka_unit_test(what_does_not_verify_is_not_given_back),
        cmocka_unit_test(what_it_cannot_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
