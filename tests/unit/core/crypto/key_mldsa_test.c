/* Tests of ML-DSA keys, where the OpenSSL that runs has them, and of what is said where
 * it has not. X-TLS-25 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/key.h"

/* The keys of RFC 9881 C.1 (PKCS #8 with the seed) and the SHA-256 of their
 * SubjectPublicKeyInfo in C.2, which were made by others. */
static const struct {
    enum key_type type;
    enum key_signature kind;
    const char *name;
    size_t public_len;
    size_t signature_len;
    uint8_t arc;
    const char *pem;
    const char *spki_hash;
} rows[] = {
    {KEY_MLDSA44, KEY_SIGNATURE_MLDSA44, "ML-DSA-44", 1312, 2420, 17,
     "-----BEGIN PRIVATE KEY-----\n"
     "MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n"
     "GhscHR4f\n"
     "-----END PRIVATE KEY-----\n",
     "837832708c5236d951581f1fddf2b79991b3424a0486d16da1ddad0fd69701be"},
    {KEY_MLDSA65, KEY_SIGNATURE_MLDSA65, "ML-DSA-65", 1952, 3309, 18,
     "-----BEGIN PRIVATE KEY-----\n"
     "MDQCAQAwCwYJYIZIAWUDBAMSBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n"
     "GhscHR4f\n"
     "-----END PRIVATE KEY-----\n",
     "b8b62131bfbe84433efb2273d7f5b87f7a22854a2cfd366fc2aead86d837c52d"},
    {KEY_MLDSA87, KEY_SIGNATURE_MLDSA87, "ML-DSA-87", 2592, 4627, 19,
     "-----BEGIN PRIVATE KEY-----\n"
     "MDQCAQAwCwYJYIZIAWUDBAMTBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n"
     "GhscHR4f\n"
     "-----END PRIVATE KEY-----\n",
     "07e57c4f14dbad1267f621ec3777b4e2e6c4fbc4c22fbb87510ff8e0b3c6a642"},
};

#define ROWS (sizeof rows / sizeof *rows)

static bool expected(void)
{
    return OpenSSL_version_num() >= 0x30500000L;
}

/* What a test cannot do here is judged by the others. */
static void need_mldsa(void)
{
    if (!expected())
        skip();
}

/* SubjectPublicKeyInfo with so many octets of a key. */
static struct span spki_of(size_t row, size_t len, bool parameters, uint8_t *room)
{
    size_t algorithm = parameters ? 13 : 11;
    size_t inner = 2 + algorithm + 5 + len;
    uint8_t *to = room;
    static const uint8_t oid[] = {0x06, 0x09, 0x60, 0x86, 0x48,
                                  0x01, 0x65, 0x03, 0x04, 0x03};

    *to++ = 0x30;
    *to++ = 0x82;
    *to++ = (uint8_t)(inner >> 8);
    *to++ = (uint8_t)inner;
    *to++ = 0x30;
    *to++ = (uint8_t)algorithm;
    memcpy(to, oid, sizeof oid);
    to += sizeof oid;
    *to++ = rows[row].arc;
    if (parameters) {
        *to++ = 0x05;
        *to++ = 0x00;
    }
    *to++ = 0x03;
    *to++ = 0x82;
    *to++ = (uint8_t)((len + 1) >> 8);
    *to++ = (uint8_t)(len + 1);
    *to++ = 0;
    memset(to, 0x5a, len);
    return span_make(room, (size_t)(to - room) + len);
}

static void is_there_with_openssl_3_5(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct err_info why = {0};
        assert_int_equal(key_type_is_there(rows[i].type), expected());
        assert_int_equal(key_type_check(rows[i].type, &why),
                         expected() ? ERR_OK : ERR_CRYPTO);
        assert_true(key_type_is_plain(rows[i].type));
    }
    assert_true(key_type_is_there(KEY_RSA));
    assert_true(key_type_is_there(KEY_ED25519));
    assert_false(key_type_is_plain(KEY_P521));
}

static void says_so_where_it_is_not(void **state)
{
    uint8_t room[4096];

    (void)state;
    if (expected())
        skip();
    for (size_t i = 0; i < ROWS; i++) {
        struct err_info why[3] = {0};
        struct key *k = NULL;
        assert_int_equal(key_generate(rows[i].type, 0, &k, &why[0]), ERR_CRYPTO);
        assert_int_equal(key_from_pem(span_of(rows[i].pem), NULL, &k, &why[1]),
                         ERR_CRYPTO);
        struct span spki = spki_of(i, rows[i].public_len, false, room);
        assert_int_equal(key_from_spki(spki, &k, &why[2]), ERR_BAD_PUBLIC_KEY);
        assert_null(k);
        for (size_t j = 0; j < 3; j++) {
            assert_non_null(strstr(why[j].detail, rows[i].name));
            assert_non_null(strstr(why[j].detail, "need OpenSSL 3.5 or newer"));
        }
    }
}

static void reads_the_keys_of_the_rfc(void **state)
{
    (void)state;
    need_mldsa();
    for (size_t i = 0; i < ROWS; i++) {
        struct key *k = NULL;
        struct key *again = NULL;
        struct secret pem = {0};
        uint8_t hash[HASH_SHA256_SIZE];
        char text[2 * HASH_SHA256_SIZE + 1];
        struct span first, second;
        assert_int_equal(key_from_pem(span_of(rows[i].pem), NULL, &k, NULL), ERR_OK);
        assert_int_equal(key_type(k), rows[i].type);
        assert_int_equal(key_x509_signature(k), rows[i].kind);
        hash_sha256(key_spki(k), hash);
        text_hex(text, hash, sizeof hash);
        assert_string_equal(text, rows[i].spki_hash);
        key_numbers(k, &first, &second);
        assert_int_equal(first.len, rows[i].public_len);
        assert_int_equal(second.len, 0);
        assert_int_equal(key_to_pem(k, NULL, &pem, NULL), ERR_OK);
        assert_int_equal(key_from_pem(span_make(pem.data, pem.len), NULL, &again, NULL),
                         ERR_OK);
        assert_true(key_equal(k, again));
        secret_free(&pem);
        key_free(k);
        key_free(again);
    }
}

/* Verified by OpenSSL alone, with a key that only OpenSSL has read. */
static bool openssl_verifies(size_t row, struct span octets, struct span message,
                             struct span signature)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, rows[row].name, NULL,
                                                    octets.data, octets.len);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
                EVP_DigestVerify(md, signature.data, signature.len, message.data,
                                 message.len) == 1;

    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);
    return good;
}

static void signs_and_verifies(void **state)
{
    const struct span message = span_of("to be signed");

    (void)state;
    need_mldsa();
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t signature[KEY_SIGNATURE_MAX];
        size_t len = 0;
        struct key *k = NULL;
        struct key *half = NULL;
        struct span first, second;
        assert_int_equal(key_generate(rows[i].type, 0, &k, NULL), ERR_OK);
        assert_int_equal(key_from_spki(key_spki(k), &half, NULL), ERR_OK);
        assert_true(key_equal(k, half));
        assert_int_equal(key_sign(k, rows[i].kind, message, signature, &len, NULL),
                         ERR_OK);
        assert_int_equal(len, rows[i].signature_len);
        key_numbers(half, &first, &second);
        struct span whole = span_make(signature, len);
        assert_true(openssl_verifies(i, first, message, whole));
        assert_int_equal(key_verify(half, rows[i].kind, message, whole, NULL), ERR_OK);
        assert_int_equal(
            key_verify(half, rows[i].kind, span_of("to be signec"), whole, NULL),
            ERR_UNAUTHORIZED);
        assert_int_equal(
            key_verify(half, rows[i].kind, message, span_make(signature, len - 1), NULL),
            ERR_UNAUTHORIZED);
        signature[len / 2] ^= 1;
        assert_int_equal(key_verify(half, rows[i].kind, message, whole, NULL),
                         ERR_UNAUTHORIZED);
        assert_int_equal(
            key_verify(half, rows[(i + 1) % ROWS].kind, message, whole, NULL),
            ERR_BAD_SIGNATURE_ALGORITHM);
        assert_int_equal(key_sign(k, KEY_SIGNATURE_EDDSA, message, signature, &len, NULL),
                         ERR_CRYPTO);
        assert_int_equal(key_sign(half, rows[i].kind, message, signature, &len, NULL),
                         ERR_CRYPTO);
        key_free(k);
        key_free(half);
    }
}

/* RFC 9881 2 and 4: no parameters, the octets of FIPS 204 and nothing else. */
static void reads_public_keys_strictly(void **state)
{
    uint8_t room[4096];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct key *k = NULL;
        size_t len = rows[i].public_len;
        assert_int_equal(key_from_spki(spki_of(i, len - 1, false, room), &k, NULL),
                         ERR_BAD_PUBLIC_KEY);
        assert_int_equal(key_from_spki(spki_of(i, len + 1, false, room), &k, NULL),
                         ERR_BAD_PUBLIC_KEY);
        assert_int_equal(key_from_spki(spki_of(i, len, true, room), &k, NULL),
                         ERR_BAD_PUBLIC_KEY);
        assert_null(k);
        if (!expected())
            continue;
        assert_int_equal(key_from_spki(spki_of(i, len, false, room), &k, NULL), ERR_OK);
        key_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_there_with_openssl_3_5),
        cmocka_unit_test(says_so_where_it_is_not),
        cmocka_unit_test(reads_the_keys_of_the_rfc),
        cmocka_unit_test(signs_and_verifies),
        cmocka_unit_test(reads_public_keys_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
