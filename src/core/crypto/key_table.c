/* OpenSSL multiplies the curve's generator five times as fast as any other point, since
 * it has a table of its multiples; and it makes such a table for what is called the
 * generator of a group. So the public point is made the generator of a group of its own,
 * and two fast multiplications take the place of a fast and a slow one. All numbers here
 * are public. */
#define OPENSSL_SUPPRESS_DEPRECATED  /* EC_GROUP_precompute_mult, which nothing replaces \
                                      */

#include "core/crypto/key_table.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/crypto/ecdsa.h"
#include "core/crypto/ecdsa_factors.h"

struct key_table {
    EC_GROUP *curve; /* owned */
    EC_GROUP *key;   /* owned; the same with the key's point as its generator */
};

static bool make_generator(struct key_table *t, struct span x, struct span y)
{
    BIGNUM *first = BN_bin2bn(x.data, (int)x.len, NULL);
    BIGNUM *second = BN_bin2bn(y.data, (int)y.len, NULL);
    EC_POINT *point = EC_POINT_new(t->curve);
    bool done =
        point != NULL && first != NULL && second != NULL &&
        EC_POINT_set_affine_coordinates(t->curve, point, first, second, NULL) == 1 &&
        EC_GROUP_set_generator(t->key, point, EC_GROUP_get0_order(t->curve),
                               BN_value_one()) == 1 &&
        EC_GROUP_precompute_mult(t->key, NULL) == 1;

    EC_POINT_free(point);
    BN_free(second);
    BN_free(first);
    return done;
}

struct key_table *key_table_new(struct span x, struct span y)
{
    struct key_table *t = memory_get_zeroed(1, sizeof *t);

    t->curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    t->key = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    if (t->curve != NULL && t->key != NULL && make_generator(t, x, y))
        return t;
    ERR_clear_error();
    key_table_free(t);
    return NULL;
}

void key_table_free(struct key_table *t)
{
    if (t == NULL)
        return;
    EC_GROUP_free(t->curve);
    EC_GROUP_free(t->key);
    free(t);
}

/* The sum of the two products. */
static bool add_up(const struct key_table *t, const uint8_t *of_curve,
                   const uint8_t *of_key, EC_POINT *sum, BN_CTX *ctx)
{
    BIGNUM *factor = BN_CTX_get(ctx);
    EC_POINT *other = EC_POINT_new(t->key);

    bool done = factor != NULL && other != NULL &&
                BN_bin2bn(of_curve, ECDSA_P256_NUMBER_LEN, factor) != NULL &&
                EC_POINT_mul(t->curve, sum, factor, NULL, NULL, ctx) == 1 &&
                BN_bin2bn(of_key, ECDSA_P256_NUMBER_LEN, factor) != NULL &&
                EC_POINT_mul(t->key, other, factor, NULL, NULL, ctx) == 1 &&
                EC_POINT_add(t->curve, sum, sum, other, ctx) == 1;
    EC_POINT_free(other);
    return done;
}

/* Is this the point's coordinate x = X / Z^2? Multiplying is cheaper than dividing. */
static bool has_x(const BIGNUM *wanted, const BIGNUM *x, const BIGNUM *z_squared,
                  const BIGNUM *field, BN_CTX *ctx)
{
    BIGNUM *product = BN_CTX_get(ctx);

    return product != NULL && BN_mod_mul(product, wanted, z_squared, field, ctx) == 1 &&
           BN_cmp(product, x) == 0;
}

/* Is the point's x, modulo the order, r? The field is the larger one by less than half,
 * so x may be r or r + order. */
static bool is_x(const struct key_table *t, const EC_POINT *point, const BIGNUM *r,
                 BN_CTX *ctx)
{
    const BIGNUM *field = EC_GROUP_get0_field(t->curve);
    BIGNUM *x = BN_CTX_get(ctx);
    BIGNUM *z = BN_CTX_get(ctx);
    BIGNUM *other = BN_CTX_get(ctx);

    if (other == NULL || EC_POINT_is_at_infinity(t->curve, point) != 0 ||
        EC_POINT_get_Jprojective_coordinates_GFp(t->curve, point, x, NULL, z, ctx) != 1 ||
        BN_mod_sqr(z, z, field, ctx) != 1 ||
        BN_add(other, r, EC_GROUP_get0_order(t->curve)) != 1)
        return false;
    return has_x(r, x, z, field, ctx) ||
           (BN_cmp(other, field) < 0 && has_x(other, x, z, field, ctx));
}

static bool verify(const struct key_table *t, struct span hash, const uint8_t *raw,
                   BN_CTX *ctx)
{
    uint8_t factors[2][ECDSA_P256_NUMBER_LEN];
    BIGNUM *r = BN_CTX_get(ctx);
    EC_POINT *sum = EC_POINT_new(t->curve);

    bool good =
        sum != NULL && r != NULL &&
        ecdsa_factors(hash, raw, raw + ECDSA_P256_NUMBER_LEN, factors[0], factors[1]) &&
        BN_bin2bn(raw, ECDSA_P256_NUMBER_LEN, r) != NULL &&
        add_up(t, factors[0], factors[1], sum, ctx) && is_x(t, sum, r, ctx);
    EC_POINT_free(sum);
    return good;
}

bool key_table_verify(const struct key_table *t, struct span hash, struct span der)
{
    uint8_t raw[2 * ECDSA_P256_NUMBER_LEN];

    if (!ecdsa_to_raw(der, ECDSA_P256_NUMBER_LEN, raw))
        return false;
    BN_CTX *ctx = BN_CTX_new();
    if (ctx == NULL)
        return false;
    BN_CTX_start(ctx);
    bool good = verify(t, hash, raw, ctx);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return good;
}
