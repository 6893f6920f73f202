/* Tests of core/crypto/ecdsa_factors, with OpenSSL's numbers as the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/bn.h>

#include "core/base/random.h"
#include "core/crypto/ecdsa_factors.h"

#define LEN ECDSA_P256_NUMBER_LEN

/* FIPS 186-5 / SP 800-186 3.2.1.3 */
static const char ORDER[] =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

static void octets_of(const BIGNUM *number, uint8_t octets[LEN])
{
    assert_int_equal(BN_bn2binpad(number, octets, LEN), LEN);
}

/* product / s modulo the order is `octets`. */
static void assert_quotient(const uint8_t octets[LEN], struct span product,
                            const uint8_t *s)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *order = NULL;
    BIGNUM *divisor = BN_bin2bn(s, LEN, NULL);
    BIGNUM *quotient = BN_bin2bn(product.data, (int)product.len, NULL);
    uint8_t wanted[LEN];

    assert_int_equal(BN_hex2bn(&order, ORDER), 64);
    assert_non_null(BN_mod_inverse(divisor, divisor, order, ctx));
    assert_int_equal(BN_mod_mul(quotient, quotient, divisor, order, ctx), 1);
    octets_of(quotient, wanted);
    assert_memory_equal(octets, wanted, LEN);
    BN_free(order);
    BN_free(divisor);
    BN_free(quotient);
    BN_CTX_free(ctx);
}

static void as_openssl_has_them(void **state)
{
    static const size_t hash_lens[] = {32, 48, 64, 20, 1, 0};
    uint8_t hash[64];
    uint8_t r[LEN];
    uint8_t s[LEN];
    uint8_t of_curve[LEN];
    uint8_t of_key[LEN];

    (void)state;
    for (size_t i = 0; i < 300; i++) {
        size_t hash_len = hash_lens[i % 6];
        random_fill(hash, sizeof hash);
        if (i % 7 == 0)
            memset(hash, i % 2 == 0 ? 0xff : 0, sizeof hash);
        random_fill(r, sizeof r);
        random_fill(s, sizeof s);
        r[0] = s[0] = 0x7f;
        memset(r, 0, i % 32); /* short ones, too */
        memset(s, 0, (i + 5) % 32);
        r[LEN - 1] |= 1;
        s[LEN - 1] |= 1;
        assert_true(ecdsa_factors(span_make(hash, hash_len), r, s, of_curve, of_key));
        assert_quotient(of_curve, span_make(hash, hash_len < LEN ? hash_len : LEN), s);
        assert_quotient(of_key, span_make(r, LEN), s);
    }
}

/* 0, 1, order - 1, order, order + 1, 2^256 - 1, and whether it is in the range. */
static bool edge(int which, uint8_t octets[LEN])
{
    BIGNUM *number = NULL;

    assert_int_equal(BN_hex2bn(&number, ORDER), 64);
    assert_int_equal(BN_add_word(number, 1), 1);
    memset(octets, which == 5 ? 0xff : 0, LEN);
    if (which == 1)
        octets[LEN - 1] = 1;
    assert_int_equal(BN_sub_word(number, which < 4 ? (BN_ULONG)(4 - which) : 0), 1);
    if (which >= 2 && which < 5)
        octets_of(number, octets);
    BN_free(number);
    return which == 1 || which == 2;
}

static void out_of_range(void **state)
{
    uint8_t r[LEN];
    uint8_t s[LEN];
    uint8_t of_curve[LEN];
    uint8_t of_key[LEN];

    (void)state;
    for (int i = 0; i < 6 * 6; i++) {
        bool r_good = edge(i % 6, r);
        bool s_good = edge(i / 6, s);
        assert_int_equal(ecdsa_factors(span_of("a hash"), r, s, of_curve, of_key),
                         r_good && s_good);
        if (r_good && s_good)
            assert_quotient(of_key, span_make(r, LEN), s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_openssl_has_them),
        cmocka_unit_test(out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
