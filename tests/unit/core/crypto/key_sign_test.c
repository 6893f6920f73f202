/* Tests of core/crypto/key_sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/base64url.h"
#include "core/crypto/key.h"
#include "key_fixtures.h"

static struct key *keys[KEY_RSA + 1]; /* one private key of each type */

static int make_keys(void **state)
{
    (void)state;
    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++)
        if (key_generate(type, 2048, &keys[type], NULL) != ERR_OK)
            return -1;
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++)
        key_free(keys[type]);
    return 0;
}

static bool is_der_ecdsa(enum key_signature how)
{
    return how == KEY_SIGNATURE_ECDSA_SHA256 || how == KEY_SIGNATURE_ECDSA_SHA384 ||
           how == KEY_SIGNATURE_ECDSA_SHA512;
}

/* The type a signature needs; any EC type for the DER ones. */
static bool fits(enum key_type type, enum key_signature how)
{
    static const enum key_type needed[] = {
        [KEY_SIGNATURE_ES256] = KEY_P256, [KEY_SIGNATURE_ES384] = KEY_P384,
        [KEY_SIGNATURE_ES512] = KEY_P521, [KEY_SIGNATURE_EDDSA] = KEY_ED25519,
        [KEY_SIGNATURE_RS256] = KEY_RSA,  [KEY_SIGNATURE_RS384] = KEY_RSA,
        [KEY_SIGNATURE_RS512] = KEY_RSA,  [KEY_SIGNATURE_PS256] = KEY_RSA,
        [KEY_SIGNATURE_PS384] = KEY_RSA,  [KEY_SIGNATURE_PS512] = KEY_RSA,
    };

    return is_der_ecdsa(how) ? type <= KEY_P521 : needed[how] == type;
}

static void every_type_with_every_signature(void **state)
{
    struct span message = span_of("what is signed");

    (void)state;
    for (enum key_type type = KEY_P256; type <= KEY_RSA; type++)
        for (enum key_signature how = KEY_SIGNATURE_ES256;
             how <= KEY_SIGNATURE_ECDSA_SHA512; how++) {
            uint8_t signature[KEY_SIGNATURE_MAX];
            size_t len = 0;
            struct key *public_key = NULL;
            assert_int_equal(key_from_spki(key_spki(keys[type]), &public_key, NULL),
                             ERR_OK);
            assert_int_equal(key_sign(public_key, how, message, signature, &len, NULL),
                             ERR_CRYPTO);
            if (!fits(type, how)) {
                assert_int_equal(
                    key_sign(keys[type], how, message, signature, &len, NULL),
                    ERR_CRYPTO);
                assert_int_equal(
                    key_verify(public_key, how, message, span_make(signature, 64), NULL),
                    ERR_BAD_SIGNATURE_ALGORITHM);
                key_free(public_key);
                continue;
            }
            assert_int_equal(key_sign(keys[type], how, message, signature, &len, NULL),
                             ERR_OK);
            struct span made = span_make(signature, len);
            assert_int_equal(key_verify(public_key, how, message, made, NULL), ERR_OK);
            assert_int_equal(key_verify(keys[type], how, message, made, NULL), ERR_OK);
            assert_int_equal(
                key_verify(public_key, how, span_of("what is signe"), made, NULL),
                ERR_UNAUTHORIZED);
            for (size_t i = 0; i < len; i += 7) {
                signature[i] ^= 0x10;
                assert_int_equal(key_verify(public_key, how, message, made, NULL),
                                 ERR_UNAUTHORIZED);
                signature[i] ^= 0x10;
            }
            signature[len] = 0;
            assert_int_equal(
                key_verify(public_key, how, message, span_make(signature, len + 1), NULL),
                ERR_UNAUTHORIZED);
            assert_int_equal(
                key_verify(public_key, how, message, span_make(signature, len - 1), NULL),
                ERR_UNAUTHORIZED);
            assert_int_equal(
                key_verify(public_key, how, message, span_make(NULL, 0), NULL),
                ERR_UNAUTHORIZED);
            assert_int_equal(ERR_peek_error(), 0);
            key_free(public_key);
        }
}

static void another_hash_is_another_signature(void **state)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;
    struct span message = span_of("message");

    (void)state;
    assert_int_equal(
        key_sign(keys[KEY_RSA], KEY_SIGNATURE_RS256, message, signature, &len, NULL),
        ERR_OK);
    assert_int_equal(key_verify(keys[KEY_RSA], KEY_SIGNATURE_RS384, message,
                                span_make(signature, len), NULL),
                     ERR_UNAUTHORIZED);
    assert_int_equal(key_sign(keys[KEY_P256], KEY_SIGNATURE_ECDSA_SHA256, message,
                              signature, &len, NULL),
                     ERR_OK);
    assert_int_equal(key_verify(keys[KEY_P256], KEY_SIGNATURE_ECDSA_SHA384, message,
                                span_make(signature, len), NULL),
                     ERR_UNAUTHORIZED);
    /* DER is no JOSE signature, and the other way round */
    assert_int_equal(key_verify(keys[KEY_P256], KEY_SIGNATURE_ES256, message,
                                span_make(signature, len), NULL),
                     ERR_UNAUTHORIZED);
    assert_int_equal(
        key_sign(keys[KEY_P256], KEY_SIGNATURE_ES256, message, signature, &len, NULL),
        ERR_OK);
    assert_int_equal(len, 64);
    assert_int_equal(key_verify(keys[KEY_P256], KEY_SIGNATURE_ECDSA_SHA256, message,
                                span_make(signature, len), NULL),
                     ERR_UNAUTHORIZED);
}

/* The signature of all zeros was once accepted elsewhere (CVE-2022-21449). */
static void zeros(void **state)
{
    static const uint8_t nothing[132];

    (void)state;
    assert_int_equal(key_verify(keys[KEY_P256], KEY_SIGNATURE_ES256, span_of("x"),
                                span_make(nothing, 64), NULL),
                     ERR_UNAUTHORIZED);
    assert_int_equal(key_verify(keys[KEY_P384], KEY_SIGNATURE_ES384, span_of("x"),
                                span_make(nothing, 96), NULL),
                     ERR_UNAUTHORIZED);
    assert_int_equal(key_verify(keys[KEY_P521], KEY_SIGNATURE_ES512, span_of("x"),
                                span_make(nothing, 132), NULL),
                     ERR_UNAUTHORIZED);
}

/* Signatures that have only one right value. */
static void known_answers(void **state)
{
    static const struct {
        const char *pem;
        enum key_signature how;
        const char *message;
        const char *signature;
    } rows[] = {
        {pem_rfc8037_a1, KEY_SIGNATURE_EDDSA,
         "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
         "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
         "MuM0KAg"},
        {pem_rfc7515_a2, KEY_SIGNATURE_RS256,
         "eyJhbGciOiJSUzI1NiJ9."
         "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
         "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
         "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
         "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
         "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
         "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
         "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
         "p0igcN_IoypGlUPQGe77Rw"},
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct key *k = NULL;
        uint8_t signature[KEY_SIGNATURE_MAX];
        size_t len = 0;
        assert_int_equal(key_from_pem(span_of(rows[i].pem), NULL, &k, NULL), ERR_OK);
        assert_int_equal(
            key_sign(k, rows[i].how, span_of(rows[i].message), signature, &len, NULL),
            ERR_OK);
        assert_string_equal(base64url_string(a, span_make(signature, len)),
                            rows[i].signature);
        key_free(k);
    }
    arena_free(a);
}

/* Sign and verify with all keys; returns keys if all went well. */
static bool is_read_and_verifies(const struct key *k, enum key_signature how,
                                 struct span signature)
{
    struct key *read = NULL;

    bool good = key_from_spki(key_spki(k), &read, NULL) == ERR_OK &&
                key_verify(read, how, span_of("m"), signature, NULL) == ERR_OK;
    key_free(read);
    return good;
}

static void *work(void *argument)
{
    static const enum key_signature how[] = {KEY_SIGNATURE_ES256, KEY_SIGNATURE_ES384,
                                             KEY_SIGNATURE_ES512, KEY_SIGNATURE_EDDSA,
                                             KEY_SIGNATURE_RS512};
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;

    for (int round = 0; round < 20; round++)
        for (enum key_type type = KEY_P256; type <= KEY_RSA; type++)
            if (key_sign(keys[type], how[type], span_of("m"), signature, &len, NULL) !=
                    ERR_OK ||
                key_verify(keys[type], how[type], span_of("m"), span_make(signature, len),
                           NULL) != ERR_OK ||
                !is_read_and_verifies(keys[type], how[type], span_make(signature, len)))
                return NULL;
    return argument;
}

static void several_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, keys), 0);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, keys);
    }
}

/* What OpenSSL made for a key that is over serves the next one of its curve. */
static void a_key_in_the_place_of_another(void **state)
{
    static const enum key_signature how[] = {KEY_SIGNATURE_ES256, KEY_SIGNATURE_ES384,
                                             KEY_SIGNATURE_ES512};

    (void)state;
    for (enum key_type type = KEY_P256; type <= KEY_P521; type++) {
        const struct key *signers[2] = {keys[type], NULL};
        uint8_t signatures[2][KEY_SIGNATURE_MAX];
        struct key *other = NULL;
        size_t len = 0;
        assert_int_equal(key_generate(type, 0, &other, NULL), ERR_OK);
        signers[1] = other;
        for (int i = 0; i < 2; i++)
            assert_int_equal(
                key_sign(signers[i], how[type], span_of("m"), signatures[i], &len, NULL),
                ERR_OK);
        for (int round = 0; round < 50; round++) {
            const struct key *signer = signers[round % 2];
            struct key *read = NULL;
            struct key *refused = NULL;
            struct span x, y;
            assert_int_equal(key_from_spki(key_spki(signer), &read, NULL), ERR_OK);
            assert_true(key_equal(read, signer));
            for (int i = 0; i < 2; i++)
                assert_int_equal(key_verify(read, how[type], span_of("m"),
                                            span_make(signatures[i], len), NULL),
                                 i == round % 2 ? ERR_OK : ERR_UNAUTHORIZED);
            if (round % 3 == 0) { /* its place is taken by no point of the curve */
                key_free(read);
                read = NULL;
            }
            key_numbers(signer, &x, &y);
            assert_int_equal(key_from_ec(type, y, x, &refused, NULL), ERR_BAD_PUBLIC_KEY);
            assert_null(refused);
            key_free(read);
        }
        key_free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_with_every_signature),
        cmocka_unit_test(another_hash_is_another_signature),
        cmocka_unit_test(zeros),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(several_threads),
        cmocka_unit_test(a_key_in_the_place_of_another),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
