/* From OpenSSL's key to ours: what can be set up once is set up here. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/crypto/crypto_error.h"
#include "core/crypto/digest.h"
#include "core/crypto/key_private.h"

/* A context that is ready for `begin` (sign or verify), to be copied for each use: making
 * one anew costs 1.6 us of a signature's 15. */
static EVP_PKEY_CTX *ready_context(struct key *k, int (*begin)(EVP_PKEY_CTX *ctx))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
    bool good = ctx != NULL && begin(ctx) == 1;

    if (good && k->type == KEY_RSA)
        good = EVP_PKEY_CTX_set_signature_md(ctx, digest_algorithm(DIGEST_SHA256)) == 1;
    if (good)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

enum err key_wrap(EVP_PKEY *pkey, enum key_type type, bool is_private, struct span first,
                  struct span second, struct key **k, struct err_info *why)
{
    return key_wrap_ready(pkey, NULL, type, is_private, first, second, k, why);
}

enum err key_wrap_ready(EVP_PKEY *pkey, EVP_PKEY_CTX *verifier, enum key_type type,
                        bool is_private, struct span first, struct span second,
                        struct key **k, struct err_info *why)
{
    struct key *made = memory_get_zeroed(1, sizeof *made);
    bool hashes_first = !key_type_is_plain(type);

    made->pkey = pkey;
    made->type = type;
    made->is_private = is_private;
    key_spki_build(made, first, second);
    made->verifier = verifier;
    if (hashes_first && verifier == NULL)
        made->verifier = ready_context(made, EVP_PKEY_verify_init);
    if (hashes_first && is_private)
        made->signer = ready_context(made, EVP_PKEY_sign_init);
    if (hashes_first &&
        (made->verifier == NULL || (is_private && made->signer == NULL))) {
        key_free(made);
        return crypto_error_set(why, ERR_CRYPTO, "OpenSSL cannot use the key");
    }
    *k = made;
    return ERR_OK;
}

/* A number of an OpenSSL key, big-endian with `len` octets, with `len` 0 as many as it
 * needs, into `to` (`room` octets). False if there is no such number or it does not fit.
 */
static bool get_number(const EVP_PKEY *pkey, const char *name, size_t len, uint8_t *to,
                       size_t room, struct span *number)
{
    BIGNUM *big = NULL;

    if (EVP_PKEY_get_bn_param(pkey, name, &big) != 1)
        return false;
    size_t needed = (size_t)BN_num_bytes(big);
    if (len == 0)
        len = needed;
    bool good =
        needed > 0 && needed <= len && len <= room && BN_bn2binpad(big, to, (int)len) > 0;
    BN_free(big);
    *number = span_make(to, len);
    return good;
}

static enum err wrap_rsa(EVP_PKEY *pkey, struct key **k, struct err_info *why)
{
    uint8_t n[KEY_RSA_MAX_BITS / 8];
    uint8_t e[KEY_RSA_EXPONENT_MAX];
    struct span modulus = {0};
    struct span exponent = {0};
    enum err result;

    if (!get_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, n, sizeof n, &modulus) ||
        !get_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, e, sizeof e, &exponent))
        result =
            crypto_error_set(why, ERR_BAD_PUBLIC_KEY,
                             "the RSA key is larger than %d bits or its exponent than %d",
                             KEY_RSA_MAX_BITS, KEY_RSA_EXPONENT_MAX * 8);
    else
        result = key_check_rsa(modulus, exponent, why);
    if (result == ERR_OK)
        return key_wrap(pkey, KEY_RSA, true, modulus, exponent, k, why);
    EVP_PKEY_free(pkey);
    return result;
}

static bool ec_type(const EVP_PKEY *pkey, enum key_type *type)
{
    static const struct {
        const char *group;
        enum key_type type;
    } groups[] = {
        {"prime256v1", KEY_P256}, {"secp384r1", KEY_P384}, {"secp521r1", KEY_P521}};
    char name[64];

    if (EVP_PKEY_get_group_name(pkey, name, sizeof name, NULL) != 1)
        return false;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcmp(name, groups[i].group) == 0) {
            *type = groups[i].type;
            return true;
        }
    return false;
}

static enum err wrap_ec(EVP_PKEY *pkey, struct key **k, struct err_info *why)
{
    uint8_t octets[2][KEY_EC_NUMBER_MAX];
    struct span x = {0};
    struct span y = {0};
    enum key_type type = KEY_P256;

    bool known = ec_type(pkey, &type);
    size_t len = key_kind(type)->number_len;
    if (known && get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, len, octets[0], len, &x) &&
        get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, len, octets[1], len, &y))
        return key_wrap(pkey, type, true, x, y, k, why);
    EVP_PKEY_free(pkey);
    return crypto_error_set(why, ERR_BAD_PUBLIC_KEY,
                            "the EC key is on no curve we use (P-256, P-384, P-521)");
}

static bool plain_type(const EVP_PKEY *pkey, enum key_type *type)
{
    static const enum key_type types[] = {KEY_ED25519, KEY_MLDSA44, KEY_MLDSA65,
                                          KEY_MLDSA87};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (EVP_PKEY_is_a(pkey, key_kind(types[i])->openssl_name)) {
            *type = types[i];
            return true;
        }
    return false;
}

static enum err wrap_plain(EVP_PKEY *pkey, enum key_type type, struct key **k,
                           struct err_info *why)
{
    uint8_t octets[KEY_PLAIN_MAX];
    size_t len = sizeof octets;

    if (EVP_PKEY_get_raw_public_key(pkey, octets, &len) == 1 &&
        len == key_kind(type)->number_len)
        return key_wrap(pkey, type, true, span_make(octets, len), span_make(NULL, 0), k,
                        why);
    EVP_PKEY_free(pkey);
    return crypto_error_set(why, ERR_CRYPTO, "the %s key has no public half",
                            key_kind(type)->openssl_name);
}

enum err key_wrap_private(EVP_PKEY *pkey, struct key **k, struct err_info *why)
{
    static const uint8_t probe[] = "do the halves belong together?";
    uint8_t signature[KEY_SIGNATURE_MAX];
    size_t len = 0;
    enum key_type type = KEY_ED25519;
    struct key *made = NULL;

    if (EVP_PKEY_is_a(pkey, "EC"))
        TRY(wrap_ec(pkey, &made, why));
    else if (EVP_PKEY_is_a(pkey, "RSA"))
        TRY(wrap_rsa(pkey, &made, why));
    else if (plain_type(pkey, &type))
        TRY(wrap_plain(pkey, type, &made, why));
    else {
        EVP_PKEY_free(pkey);
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the key is neither EC (P-256, P-384, P-521) nor Ed25519 nor RSA "
                       "nor ML-DSA");
    }
    /* a file can hold any two numbers; one signature tells whether they fit, and costs
     * less than OpenSSL's own check, which looks for primes */
    enum key_signature how = key_x509_signature(made);
    struct span message = span_make(probe, sizeof probe);
    if (key_sign(made, how, message, signature, &len, NULL) != ERR_OK ||
        key_verify(made, how, message, span_make(signature, len), NULL) != ERR_OK) {
        key_free(made);
        return crypto_error_set(why, ERR_CRYPTO,
                                "the private and the public half of the key differ");
    }
    *k = made;
    return ERR_OK;
}
