/* Tests of core/crypto/key_table, with OpenSSL's ECDSA_verify as the judge. */
#define OPENSSL_SUPPRESS_DEPRECATED /* it takes hashes, and keys with known numbers */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

#include "core/base/random.h"
#include "core/crypto/ecdsa.h"
#include "core/crypto/key.h"
#include "core/crypto/key_table.h"

#define NUMBER_LEN 32

struct world {
    EC_KEY *key;
    struct key_table *table;
    BN_CTX *ctx;
};

/* Of the key's point. */
static struct key_table *make_table(const EC_KEY *key, BN_CTX *ctx)
{
    uint8_t numbers[2][NUMBER_LEN];
    BIGNUM *x = BN_new();
    BIGNUM *y = BN_new();

    assert_int_equal(EC_POINT_get_affine_coordinates(
                         EC_KEY_get0_group(key), EC_KEY_get0_public_key(key), x, y, ctx),
                     1);
    assert_int_equal(BN_bn2binpad(x, numbers[0], NUMBER_LEN), NUMBER_LEN);
    assert_int_equal(BN_bn2binpad(y, numbers[1], NUMBER_LEN), NUMBER_LEN);
    struct key_table *table = key_table_new(span_make(numbers[0], NUMBER_LEN),
                                            span_make(numbers[1], NUMBER_LEN));
    assert_non_null(table);
    numbers[1][NUMBER_LEN - 1] ^= 1;
    assert_null(key_table_new(span_make(numbers[0], NUMBER_LEN),
                              span_make(numbers[1], NUMBER_LEN)));
    BN_free(x);
    BN_free(y);
    return table;
}

static int start(void **state)
{
    static struct world w;

    w.key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    w.ctx = BN_CTX_new();
    assert_int_equal(EC_KEY_generate_key(w.key), 1);
    w.table = make_table(w.key, w.ctx);
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    EC_KEY_free(w->key);
    key_table_free(w->table);
    key_table_free(NULL);
    BN_CTX_free(w->ctx);
    return 0;
}

/* Ours says what OpenSSL says; returns it. */
static bool both(const struct world *w, const uint8_t *hash, size_t hash_len,
                 const uint8_t *der, size_t len)
{
    bool theirs = ECDSA_verify(0, hash, (int)hash_len, der, (int)len, w->key) == 1;
    bool ours =
        key_table_verify(w->table, span_make(hash, hash_len), span_make(der, len));

    assert_int_equal(ours, theirs);
    return ours;
}

static void random_ones(void **state)
{
    static const size_t lengths[] = {32, 48, 64, 20};
    const struct world *w = *state;
    uint8_t hash[64];
    uint8_t der[ECDSA_DER_MAX];

    for (size_t i = 0; i < 200; i++) {
        size_t hash_len = lengths[i % 4];
        unsigned int len = sizeof der;
        random_fill(hash, sizeof hash);
        assert_int_equal(ECDSA_sign(0, hash, (int)hash_len, der, &len, w->key), 1);
        assert_true(both(w, hash, hash_len, der, len));
        hash[i % 20] ^= 1;
        assert_false(both(w, hash, hash_len, der, len));
        hash[i % 20] ^= 1;
        for (size_t at = 0; i < 4 && at < len; at++) {
            der[at] ^= 0x10;
            assert_false(both(w, hash, hash_len, der, len));
            der[at] ^= 0x10;
            assert_false(both(w, hash, hash_len, der, at));
        }
    }
}

/* A number of the order's neighbourhood: 0, 1, 2, order - 1, order, order + 1, 2^256 - 1
 */
static void edge(const struct world *w, int which, BIGNUM *to)
{
    const BIGNUM *order = EC_GROUP_get0_order(EC_KEY_get0_group(w->key));

    if (which < 3) {
        assert_int_equal(BN_set_word(to, (BN_ULONG)which), 1);
    } else if (which < 6) {
        assert_non_null(BN_copy(to, order));
        assert_int_equal(BN_add_word(to, (BN_ULONG)which - 3), 1);
        assert_int_equal(BN_sub_word(to, 1), 1);
    } else {
        BN_zero(to);
        assert_int_equal(BN_set_bit(to, 8 * NUMBER_LEN), 1);
        assert_int_equal(BN_sub_word(to, 1), 1);
    }
}

static size_t to_der(const BIGNUM *r, const BIGNUM *s, uint8_t *der)
{
    uint8_t raw[2 * NUMBER_LEN];

    assert_int_equal(BN_bn2binpad(r, raw, NUMBER_LEN), NUMBER_LEN);
    assert_int_equal(BN_bn2binpad(s, raw + NUMBER_LEN, NUMBER_LEN), NUMBER_LEN);
    return ecdsa_to_der(span_make(raw, sizeof raw), NUMBER_LEN, der);
}

static void edges(void **state)
{
    const struct world *w = *state;
    BIGNUM *r = BN_new();
    BIGNUM *s = BN_new();
    uint8_t der[ECDSA_DER_MAX];
    uint8_t hash[NUMBER_LEN];

    for (int i = 0; i < 7 * 7 * 2; i++) {
        edge(w, i % 7, r);
        edge(w, i / 7 % 7, s);
        memset(hash, i < 49 ? 0 : 0xff, sizeof hash);
        (void)both(w, hash, sizeof hash, der, to_der(r, s, der));
    }
    BN_free(r);
    BN_free(s);
}

/* r of a random point, and the hash that makes both halves of the sum the same point
 * (`sign` 1), or opposite ones (-1, for which s is chosen freely). */
static void same_halves(void **state)
{
    const struct world *w = *state;
    const EC_GROUP *group = EC_KEY_get0_group(w->key);
    const BIGNUM *order = EC_GROUP_get0_order(group);
    BIGNUM *k = BN_new();
    BIGNUM *r = BN_new();
    BIGNUM *h = BN_new();
    BIGNUM *s = BN_new();
    EC_POINT *point = EC_POINT_new(group);
    uint8_t hash[NUMBER_LEN];
    uint8_t der[ECDSA_DER_MAX];

    for (int i = 0; i < 20; i++) {
        assert_int_equal(BN_priv_rand_range(k, order), 1);
        assert_int_equal(EC_POINT_mul(group, point, k, NULL, NULL, w->ctx), 1);
        assert_int_equal(EC_POINT_get_affine_coordinates(group, point, r, NULL, w->ctx),
                         1);
        assert_int_equal(BN_nnmod(r, r, order, w->ctx), 1);
        assert_int_equal(BN_mod_mul(h, r, EC_KEY_get0_private_key(w->key), order, w->ctx),
                         1);
        /* s = (h + r d) / k */
        assert_non_null(BN_mod_inverse(k, k, order, w->ctx));
        assert_int_equal(BN_mod_lshift1(s, h, order, w->ctx), 1);
        assert_int_equal(BN_mod_mul(s, s, k, order, w->ctx), 1);
        assert_int_equal(BN_bn2binpad(h, hash, NUMBER_LEN), NUMBER_LEN);
        assert_true(both(w, hash, sizeof hash, der, to_der(r, s, der)));
        assert_int_equal(BN_sub(h, order, h), 1);
        assert_int_equal(BN_bn2binpad(h, hash, NUMBER_LEN), NUMBER_LEN);
        assert_false(both(w, hash, sizeof hash, der, to_der(r, s, der)));
    }
    EC_POINT_free(point);
    BN_free(k);
    BN_free(r);
    BN_free(h);
    BN_free(s);
}

/* A point whose x is not less than the order, which nobody meets by chance: r is the
 * rest, and the key is the one that such a signature is of. */
static void large_x(void **state)
{
    const struct world *w = *state;
    const EC_GROUP *group = EC_KEY_get0_group(w->key);
    const BIGNUM *order = EC_GROUP_get0_order(group);
    struct world other = {.key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1),
                          .ctx = w->ctx};
    BIGNUM *x = BN_dup(order);
    BIGNUM *r = BN_new();
    BIGNUM *s = BN_new();
    BIGNUM *u = BN_new();
    BIGNUM *hash = BN_new();
    EC_POINT *point = EC_POINT_new(group);
    EC_POINT *sum = EC_POINT_new(group);
    uint8_t octets[NUMBER_LEN];
    uint8_t der[ECDSA_DER_MAX];

    do
        assert_int_equal(BN_add_word(x, 1), 1);
    while (EC_POINT_set_compressed_coordinates(group, point, x, 0, w->ctx) != 1);
    assert_true(BN_cmp(x, EC_GROUP_get0_field(group)) < 0);
    assert_int_equal(BN_sub(r, x, order), 1);
    /* Q = (R - 5 G) / 7, so that s = r / 7 and hash = 5 s */
    assert_int_equal(BN_set_word(u, 5), 1);
    assert_int_equal(EC_POINT_mul(group, sum, u, NULL, NULL, w->ctx), 1);
    assert_int_equal(EC_POINT_invert(group, sum, w->ctx), 1);
    assert_int_equal(EC_POINT_add(group, sum, sum, point, w->ctx), 1);
    assert_int_equal(BN_set_word(u, 7), 1);
    assert_non_null(BN_mod_inverse(u, u, order, w->ctx));
    assert_int_equal(EC_POINT_mul(group, sum, NULL, sum, u, w->ctx), 1);
    assert_int_equal(EC_KEY_set_public_key(other.key, sum), 1);
    assert_int_equal(BN_mod_mul(s, r, u, order, w->ctx), 1);
    assert_int_equal(BN_set_word(u, 5), 1);
    assert_int_equal(BN_mod_mul(hash, s, u, order, w->ctx), 1);
    assert_int_equal(BN_bn2binpad(hash, octets, NUMBER_LEN), NUMBER_LEN);
    other.table = make_table(other.key, w->ctx);
    assert_true(both(&other, octets, sizeof octets, der, to_der(r, s, der)));
    octets[0] ^= 1;
    assert_false(both(&other, octets, sizeof octets, der, to_der(r, s, der)));
    key_table_free(other.table);
    EC_KEY_free(other.key);
    EC_POINT_free(point);
    EC_POINT_free(sum);
    BN_free(x);
    BN_free(r);
    BN_free(s);
    BN_free(u);
    BN_free(hash);
}

/* Through the key, in both layouts; other types stay as they are. */
static void with_keys(void **state)
{
    static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_ED25519};
    const struct span message = span_of("a certificate");

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        AUTO(key) struct key *k = NULL;
        AUTO(key) struct key *public_key = NULL;
        struct err_info why = {0};
        uint8_t signature[KEY_SIGNATURE_MAX];
        size_t len = 0;
        assert_int_equal(key_generate(types[i], 0, &k, &why), ERR_OK);
        assert_int_equal(key_from_spki(key_spki(k), &public_key, &why), ERR_OK);
        key_expect_many(public_key);
        key_expect_many(public_key);
        enum key_signature how = key_x509_signature(k);
        assert_int_equal(key_sign(k, how, message, signature, &len, &why), ERR_OK);
        struct span made = span_make(signature, len);
        assert_int_equal(key_verify(public_key, how, message, made, &why), ERR_OK);
        assert_int_equal(key_verify(public_key, how, span_of("another"), made, &why),
                         ERR_UNAUTHORIZED);
        if (types[i] != KEY_P256)
            continue;
        how = KEY_SIGNATURE_ES256;
        assert_int_equal(key_sign(k, how, message, signature, &len, &why), ERR_OK);
        made = span_make(signature, len);
        assert_int_equal(key_verify(public_key, how, message, made, &why), ERR_OK);
        signature[0] ^= 1;
        assert_int_equal(key_verify(public_key, how, message, made, &why),
                         ERR_UNAUTHORIZED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ones), cmocka_unit_test(edges),
        cmocka_unit_test(same_halves), cmocka_unit_test(large_x),
        cmocka_unit_test(with_keys),
    };

    return cmocka_run_group_tests(tests, start, end);
}
