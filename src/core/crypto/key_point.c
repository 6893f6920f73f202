/* Ed25519: is it a point of the curve, and of the large group (RFC 8032 5.1.3)? OpenSSL
 * takes any 32 octets for a public key and looks when it verifies. */
#include <openssl/bn.h>
#include <string.h>

#include "core/crypto/crypto_error.h"
#include "core/crypto/key_private.h"

#define OCTETS 32

struct numbers {
    BN_CTX *ctx;
    BIGNUM *p; /* 2^255 - 19 */
    BIGNUM *d; /* of the curve -x^2 + y^2 = 1 + d x^2 y^2 */
    BIGNUM *y;
    BIGNUM *y2; /* y^2 */
    BIGNUM *u;  /* y^2 - 1 */
    BIGNUM *v;  /* d y^2 + 1 */
};

static bool open_numbers(struct numbers *n, struct span x)
{
    static const char p[] =
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
    static const char d[] =
        "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
    uint8_t little[OCTETS];

    n->ctx = BN_CTX_new();
    if (n->ctx == NULL)
        return false;
    BN_CTX_start(n->ctx);
    n->p = BN_CTX_get(n->ctx);
    n->d = BN_CTX_get(n->ctx);
    n->y = BN_CTX_get(n->ctx);
    n->y2 = BN_CTX_get(n->ctx);
    n->u = BN_CTX_get(n->ctx);
    n->v = BN_CTX_get(n->ctx); /* NULL if any is */
    memcpy(little, x.data, OCTETS);
    little[OCTETS - 1] &= 0x7f; /* the sign of x */
    return n->v != NULL && BN_hex2bn(&n->p, p) != 0 && BN_hex2bn(&n->d, d) != 0 &&
           BN_lebin2bn(little, OCTETS, n->y) != NULL &&
           BN_mod_sqr(n->y2, n->y, n->p, n->ctx) == 1 && BN_copy(n->u, n->y2) != NULL &&
           BN_sub_word(n->u, 1) == 1 &&
           BN_mod_mul(n->v, n->d, n->y2, n->p, n->ctx) == 1 && BN_add_word(n->v, 1) == 1;
}

static void close_numbers(struct numbers *n)
{
    if (n->ctx == NULL)
        return;
    BN_CTX_end(n->ctx);
    BN_CTX_free(n->ctx);
}

/* x^2 = u / v is a square where u v is one. */
static bool is_on_curve(const struct numbers *n)
{
    bool is = false;

    BN_CTX_start(n->ctx);
    BIGNUM *t = BN_CTX_get(n->ctx);
    if (t != NULL && BN_mod_mul(t, n->u, n->v, n->p, n->ctx) == 1)
        is = BN_kronecker(t, n->p, n->ctx) >= 0;
    BN_CTX_end(n->ctx);
    return is;
}

/* Its order divides 8: y is 1 or -1 (orders 1 and 2), 0 (order 4), or twice the point has
 * y = 0, which is so where d y^4 + 2 y^2 = 1. Both factors here are what u and v are made
 * of: d y^4 + 2 y^2 - 1 = y^2 v + u. */
static bool is_of_small_order(const struct numbers *n)
{
    bool is = true;

    BN_CTX_start(n->ctx);
    BIGNUM *t = BN_CTX_get(n->ctx);
    if (t != NULL && BN_mod_mul(t, n->y2, n->v, n->p, n->ctx) == 1 &&
        BN_mod_add(t, t, n->u, n->p, n->ctx) == 1)
        is = BN_is_zero(t) || BN_is_zero(n->u) || BN_is_zero(n->y);
    BN_CTX_end(n->ctx);
    return is;
}

enum err key_check_ed25519(struct span x, struct err_info *why)
{
    struct numbers n = {0};
    enum err result = ERR_OK;

    if (!open_numbers(&n, x))
        result = crypto_error_set(why, ERR_CRYPTO, "an Ed25519 key cannot be looked at");
    else if (BN_cmp(n.y, n.p) >= 0)
        result = err_set(why, ERR_BAD_PUBLIC_KEY,
                         "the Ed25519 key is not written as RFC 8032 does");
    else if (!is_on_curve(&n))
        result =
            err_set(why, ERR_BAD_PUBLIC_KEY, "the Ed25519 key is no point of its curve");
    else if (is_of_small_order(&n))
        result =
            err_set(why, ERR_BAD_PUBLIC_KEY,
                    "the Ed25519 key is a point of small order, for which anybody can "
                    "sign");
    close_numbers(&n);
    return result;
}
