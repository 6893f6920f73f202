/* Tests of core/crypto/key: making keys and asking them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/crypto/key.h"

static const struct {
    enum key_type type;
    int rsa_bits;
    int bits;
    size_t first_len;
    size_t second_len;
    size_t spki_len;
    enum key_signature x509;
} rows[] = {
    {KEY_P256, 0, 256, 32, 32, 91, KEY_SIGNATURE_ECDSA_SHA256},
    {KEY_P384, 0, 384, 48, 48, 120, KEY_SIGNATURE_ECDSA_SHA384},
    {KEY_P521, 0, 521, 66, 66, 158, KEY_SIGNATURE_ECDSA_SHA512},
    {KEY_ED25519, 0, 256, 32, 0, 44, KEY_SIGNATURE_EDDSA},
    {KEY_RSA, 2048, 2048, 256, 3, 294, KEY_SIGNATURE_RS256},
    {KEY_RSA, 3072, 3072, 384, 3, 422, KEY_SIGNATURE_RS256},
};

static void properties(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct key *k = NULL;
        struct err_info why = {0};
        struct span first, second;
        assert_int_equal(key_generate(rows[i].type, rows[i].rsa_bits, &k, &why), ERR_OK);
        assert_int_equal(key_type(k), rows[i].type);
        assert_true(key_is_private(k));
        assert_int_equal(key_bits(k), rows[i].bits);
        key_numbers(k, &first, &second);
        assert_int_equal(first.len, rows[i].first_len);
        assert_int_equal(second.len, rows[i].second_len);
        assert_int_equal(key_spki(k).len, rows[i].spki_len);
        assert_int_equal(key_x509_signature(k), rows[i].x509);
        key_free(k);
    }
    key_free(NULL);
    key_drop(NULL);
}

static void the_public_half_is_the_same_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct key *k = NULL;
        struct key *other = NULL;
        struct key *from_spki = NULL;
        struct key *from_numbers = NULL;
        struct span first, second;
        assert_int_equal(key_generate(rows[i].type, rows[i].rsa_bits, &k, NULL), ERR_OK);
        assert_int_equal(key_generate(rows[i].type, rows[i].rsa_bits, &other, NULL),
                         ERR_OK);
        assert_int_equal(key_from_spki(key_spki(k), &from_spki, NULL), ERR_OK);
        key_numbers(k, &first, &second);
        if (rows[i].type == KEY_RSA)
            assert_int_equal(key_from_rsa(first, second, &from_numbers, NULL), ERR_OK);
        else if (rows[i].type == KEY_ED25519)
            assert_int_equal(key_from_ed25519(first, &from_numbers, NULL), ERR_OK);
        else
            assert_int_equal(
                key_from_ec(rows[i].type, first, second, &from_numbers, NULL), ERR_OK);
        assert_true(key_equal(k, from_spki));
        assert_true(key_equal(k, from_numbers));
        assert_false(key_equal(k, other));
        assert_false(key_is_private(from_spki));
        assert_false(key_is_private(from_numbers));
        assert_int_equal(key_bits(from_spki), rows[i].bits);
        key_free(k);
        key_free(other);
        key_free(from_spki);
        key_free(from_numbers);
    }
}

static void refuses_odd_rsa_sizes(void **state)
{
    static const int bits[] = {0, 1024, 2047, 2049, 8192};
    struct key *k = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        assert_int_equal(key_generate(KEY_RSA, bits[i], &k, NULL), ERR_CRYPTO);
    assert_null(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties),
        cmocka_unit_test(the_public_half_is_the_same_key),
        cmocka_unit_test(refuses_odd_rsa_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
