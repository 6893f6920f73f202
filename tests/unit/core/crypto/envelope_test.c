/* Tests of core/crypto/envelope: what it seals is opened by OpenSSL itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/envelope.h"
#include "core/crypto/key_private.h"

static const char label[] = "IDENTITY";

/* What OpenSSL makes of it with that label; -1 if nothing. */
static int open_oaep(const struct key *key, const EVP_MD *hash, struct span wanted,
                     struct span sealed, uint8_t *plain)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key->pkey, NULL);
    size_t room = ENVELOPE_RSA_MAX;

    assert_int_equal(EVP_PKEY_decrypt_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(c, hash), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(c, hash), 1);
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(
                         c, OPENSSL_memdup(wanted.data, wanted.len), (int)wanted.len),
                     1);
    int done = EVP_PKEY_decrypt(c, plain, &room, sealed.data, sealed.len);
    EVP_PKEY_CTX_free(c);
    return done == 1 ? (int)room : -1;
}

static void oaep(void **state)
{
    static const uint8_t secret[32] = {1, 2, 3};
    AUTO(key) struct key *key = NULL;
    struct err_info why = {0};
    uint8_t sealed[ENVELOPE_RSA_MAX];
    uint8_t plain[ENVELOPE_RSA_MAX];
    size_t len = 0;

    (void)state;
    assert_int_equal(key_generate(KEY_RSA, 2048, &key, &why), ERR_OK);
    const struct span with_nul = span_make(label, sizeof label);
    assert_int_equal(envelope_oaep(key, HASH_SHA256, with_nul,
                                   span_make(secret, sizeof secret), sealed, &len, &why),
                     ERR_OK);
    assert_int_equal(len, 256);
    assert_int_equal(
        open_oaep(key, EVP_sha256(), with_nul, span_make(sealed, len), plain),
        sizeof secret);
    assert_memory_equal(plain, secret, sizeof secret);
    assert_int_equal(
        open_oaep(key, EVP_sha256(), span_of(label), span_make(sealed, len), plain), -1);
    assert_int_equal(
        open_oaep(key, EVP_sha384(), with_nul, span_make(sealed, len), plain), -1);
    assert_int_equal(envelope_oaep(key, HASH_SHA512, with_nul, span_make(sealed, 200),
                                   sealed, &len, &why),
                     ERR_CRYPTO);
}

static void agreement(void **state)
{
    static const struct {
        enum key_type type;
        size_t len;
    } rows[] = {{KEY_P256, 32}, {KEY_P384, 48}, {KEY_P521, 66}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(key) struct key *one = NULL;
        AUTO(key) struct key *other = NULL;
        AUTO(key) struct key *public_half = NULL;
        struct err_info why = {0};
        uint8_t a[ENVELOPE_SHARED_MAX], b[ENVELOPE_SHARED_MAX];
        size_t a_len = 0, b_len = 0;
        assert_int_equal(key_generate(rows[i].type, 0, &one, &why), ERR_OK);
        assert_int_equal(key_generate(rows[i].type, 0, &other, &why), ERR_OK);
        assert_int_equal(key_from_spki(key_spki(other), &public_half, &why), ERR_OK);
        assert_int_equal(envelope_agree(one, public_half, a, &a_len, &why), ERR_OK);
        assert_int_equal(envelope_agree(other, one, b, &b_len, &why), ERR_OK);
        assert_int_equal(a_len, rows[i].len);
        assert_true(span_equal(span_make(a, a_len), span_make(b, b_len)));
        assert_int_equal(envelope_agree(public_half, one, b, &b_len, &why), ERR_CRYPTO);
    }
}

static void different_curves(void **state)
{
    AUTO(key) struct key *one = NULL;
    AUTO(key) struct key *other = NULL;
    struct err_info why = {0};
    uint8_t shared[ENVELOPE_SHARED_MAX];
    uint8_t sealed[ENVELOPE_RSA_MAX];
    size_t len = 0;

    (void)state;
    assert_int_equal(key_generate(KEY_P256, 0, &one, &why), ERR_OK);
    assert_int_equal(key_generate(KEY_P384, 0, &other, &why), ERR_OK);
    assert_int_equal(envelope_agree(one, other, shared, &len, &why), ERR_CRYPTO);
    assert_int_equal(
        envelope_oaep(one, HASH_SHA256, span_of(label), span_of("x"), sealed, &len, &why),
        ERR_CRYPTO);
}

/* With an initialization vector of zeros the first block is AES of zeros (FIPS 197 with a
 * key and a block of zeros, as in NIST's known answer tests). */
static void cfb(void **state)
{
    static const uint8_t zeros[32];
    static const struct {
        size_t key_len;
        const char *block;
    } rows[] = {{16, "66e94bd4ef8a2c3b884cfa59ca342b2e"},
                {32, "dc95c078a2408989ad48a21492842087"}};
    struct err_info why = {0};
    uint8_t sealed[16];
    char hex[33];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(envelope_cfb(span_make(zeros, rows[i].key_len),
                                      span_make(zeros, 16), sealed, &why),
                         ERR_OK);
        text_hex(hex, sealed, sizeof sealed);
        assert_string_equal(hex, rows[i].block);
    }
    assert_int_equal(
        envelope_cfb(span_make(zeros, 24), span_make(zeros, 16), sealed, &why),
        ERR_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oaep), cmocka_unit_test(agreement),
        cmocka_unit_test(different_curves), cmocka_unit_test(cfb)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
