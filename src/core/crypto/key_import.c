/* Public keys from numbers and from SubjectPublicKeyInfo. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <pthread.h>

#include "core/crypto/crypto_error.h"
#include "core/crypto/der_read.h"
#include "core/crypto/key_private.h"

static EVP_PKEY *import(const char *algorithm, int selection, OSSL_PARAM *numbers)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    EVP_PKEY *pkey = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, selection, numbers) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* Keys of each curve without a point, to be copied: working out a group's constants
 * takes OpenSSL four times as long as copying them and reading a point. */
static EVP_PKEY *blanks[KEY_RSA];
static pthread_once_t blanks_made = PTHREAD_ONCE_INIT;

static void make_blanks(void)
{
    static const enum key_type curves[] = {KEY_P256, KEY_P384, KEY_P521};

    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        char group[16];
        const char *name = key_kind(curves[i])->openssl_name;
        memcpy(group, name, strlen(name) + 1);
        OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
            OSSL_PARAM_construct_end(),
        };
        blanks[curves[i]] = import("EC", EVP_PKEY_KEY_PARAMETERS, parameters);
    }
}

/* NULL if the octets are no point of the curve. With it comes a context if there is one
 * that is ready to verify. */
static EVP_PKEY *import_point(enum key_type type, const uint8_t *point, size_t len,
                              EVP_PKEY_CTX **verifier)
{
    EVP_PKEY *pkey = NULL;

    key_spare_take(type, &pkey, verifier);
    if (pkey == NULL) {
        (void)pthread_once(&blanks_made, make_blanks);
        pkey = blanks[type] != NULL ? EVP_PKEY_dup(blanks[type]) : NULL;
    }
    if (pkey != NULL && EVP_PKEY_set1_encoded_public_key(pkey, point, len) == 1)
        return pkey;
    EVP_PKEY_CTX_free(*verifier);
    *verifier = NULL;
    EVP_PKEY_free(pkey);
    return NULL;
}

enum err key_from_ec(enum key_type type, struct span x, struct span y, struct key **k,
                     struct err_info *why)
{
    uint8_t point[1 + 2 * KEY_EC_NUMBER_MAX];
    EVP_PKEY_CTX *verifier = NULL;

    if (type != KEY_P256 && type != KEY_P384 && type != KEY_P521)
        return err_set(why, ERR_BAD_PUBLIC_KEY, "the key type has no curve");
    const struct key_kind *kind = key_kind(type);
    if (x.len != kind->number_len || y.len != kind->number_len)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "a coordinate of a %s key must have %zu octets, not %zu",
                       kind->openssl_name, kind->number_len,
                       x.len != kind->number_len ? x.len : y.len);
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.data, x.len);
    memcpy(point + 1 + x.len, y.data, y.len);
    /* OpenSSL refuses coordinates that are not below the prime and points off the curve;
     * the cofactor is 1, so every point is of the right order */
    EVP_PKEY *pkey = import_point(type, point, 1 + x.len + y.len, &verifier);
    if (pkey == NULL)
        return crypto_error_set(why, ERR_BAD_PUBLIC_KEY, "no valid point of %s",
                                kind->openssl_name);
    return key_wrap_ready(pkey, verifier, type, false, x, y, k, why);
}

enum err key_from_ed25519(struct span x, struct key **k, struct err_info *why)
{
    if (x.len != key_kind(KEY_ED25519)->number_len)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "an Ed25519 key must have %zu octets, not %zu",
                       key_kind(KEY_ED25519)->number_len, x.len);
    TRY(key_check_ed25519(x, why));
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x.data, x.len);
    if (pkey == NULL)
        return crypto_error_set(why, ERR_BAD_PUBLIC_KEY, "no valid Ed25519 key");
    return key_wrap(pkey, KEY_ED25519, false, x, span_make(NULL, 0), k, why);
}

enum err key_from_mldsa(enum key_type type, struct span octets, struct key **k,
                        struct err_info *why)
{
    if (key_type_check(type, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_BAD_PUBLIC_KEY;
        return ERR_BAD_PUBLIC_KEY;
    }
    const struct key_kind *kind = key_kind(type);
    if (octets.len != kind->number_len)
        return err_set(why, ERR_BAD_PUBLIC_KEY, "an %s key must have %zu octets, not %zu",
                       kind->openssl_name, kind->number_len, octets.len);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, kind->openssl_name, NULL,
                                                    octets.data, octets.len);
    if (pkey == NULL)
        return crypto_error_set(why, ERR_BAD_PUBLIC_KEY, "no valid %s key",
                                kind->openssl_name);
    return key_wrap(pkey, type, false, octets, span_make(NULL, 0), k, why);
}

enum err key_check_rsa(struct span modulus, struct span exponent, struct err_info *why)
{
    if (modulus.len == 0 || modulus.data[0] == 0 || exponent.len == 0 ||
        exponent.data[0] == 0)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "an RSA number is empty or begins with a zero octet");
    size_t bits = modulus.len * 8;
    for (unsigned int top = modulus.data[0]; top < 0x80; top <<= 1)
        bits--;
    if (bits < KEY_RSA_MIN_BITS || bits > KEY_RSA_MAX_BITS)
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "an RSA key must have %d to %d bits, not %zu", KEY_RSA_MIN_BITS,
                       KEY_RSA_MAX_BITS, bits);
    if ((modulus.data[modulus.len - 1] & 1) == 0)
        return err_set(why, ERR_BAD_PUBLIC_KEY, "the RSA modulus is even");
    if (exponent.len > KEY_RSA_EXPONENT_MAX)
        return err_set(why, ERR_BAD_PUBLIC_KEY, "the RSA exponent has more than %d bits",
                       KEY_RSA_EXPONENT_MAX * 8);
    if ((exponent.data[exponent.len - 1] & 1) == 0 ||
        (exponent.len == 1 && exponent.data[0] < 3))
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the RSA exponent is even or less than 3");
    return ERR_OK;
}

enum err key_from_rsa(struct span modulus, struct span exponent, struct key **k,
                      struct err_info *why)
{
    EVP_PKEY *pkey = NULL;

    TRY(key_check_rsa(modulus, exponent, why));
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    OSSL_PARAM *numbers = NULL;
    if (build != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        numbers = OSSL_PARAM_BLD_to_param(build);
    if (numbers != NULL)
        pkey = import("RSA", EVP_PKEY_PUBLIC_KEY, numbers);
    OSSL_PARAM_free(numbers);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    if (pkey == NULL)
        return crypto_error_set(why, ERR_BAD_PUBLIC_KEY, "no usable RSA key");
    return key_wrap(pkey, KEY_RSA, false, modulus, exponent, k, why);
}

/* RFC 8017 A.1.1: RSAPublicKey inside the BIT STRING. */
static enum err from_spki_rsa(struct span string, struct key **k, struct err_info *why)
{
    struct der_reader r = der_read_start(string, 1);

    der_read_enter(&r, DER_SEQUENCE);
    struct span modulus = der_read_unsigned(&r);
    struct span exponent = der_read_unsigned(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_BAD_PUBLIC_KEY, "the RSA public key", why));
    return key_from_rsa(modulus, exponent, k, why);
}

/* RFC 5480 2.1.1, 2.2: a named curve we know, an uncompressed point. */
static enum err from_spki_ec(struct span curve, struct span point, struct key **k,
                             struct err_info *why)
{
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
    static const uint8_t p521[] = {0x2b, 0x81, 0x04, 0x00, 0x23};
    enum key_type type;

    if (span_equal(curve, span_make(p256, sizeof p256)))
        type = KEY_P256;
    else if (span_equal(curve, span_make(p384, sizeof p384)))
        type = KEY_P384;
    else if (span_equal(curve, span_make(p521, sizeof p521)))
        type = KEY_P521;
    else
        return err_set(why, ERR_BAD_PUBLIC_KEY,
                       "the curve of the key is none of P-256, P-384 and P-521");
    size_t len = key_kind(type)->number_len;
    if (point.len != 1 + 2 * len || point.data[0] != POINT_CONVERSION_UNCOMPRESSED)
        return err_set(
            why, ERR_BAD_PUBLIC_KEY,
            "the point of the key is not uncompressed or has not the right length");
    return key_from_ec(type, span_slice(point, 1, len), span_slice(point, 1 + len, len),
                       k, why);
}

bool key_plain_algorithm(struct span oid, enum key_type *type)
{
    static const uint8_t ed25519[] = {0x2b, 0x65, 0x70};
    /* 2.16.840.1.101.3.4.3, and 17, 18 or 19 */
    static const uint8_t mldsa[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03};
    static const enum key_type types[] = {KEY_MLDSA44, KEY_MLDSA65, KEY_MLDSA87};

    if (span_equal(oid, span_make(ed25519, sizeof ed25519))) {
        *type = KEY_ED25519;
        return true;
    }
    if (oid.len != sizeof mldsa + 1 || memcmp(oid.data, mldsa, sizeof mldsa) != 0 ||
        oid.data[sizeof mldsa] < 17 || oid.data[sizeof mldsa] > 19)
        return false;
    *type = types[oid.data[sizeof mldsa] - 17];
    return true;
}

enum err key_from_spki(struct span spki, struct key **k, struct err_info *why)
{
    static const uint8_t ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
    struct der_reader r = der_read_start(spki, 2);
    enum key_type plain = KEY_ED25519;
    struct span curve = {0};

    der_read_enter(&r, DER_SEQUENCE);
    der_read_enter(&r, DER_SEQUENCE);
    struct span algorithm = der_read_oid(&r);
    bool is_ec = span_equal(algorithm, span_make(ec, sizeof ec));
    bool is_rsa = span_equal(algorithm, span_make(rsa, sizeof rsa));
    if (is_ec)
        curve = der_read_oid(&r); /* explicit parameters are a SEQUENCE: refused here */
    else if (is_rsa)
        der_read_null(&r); /* RFC 3279 2.3.1: MUST be there */
    else if (der_read_ok(&r) && !key_plain_algorithm(algorithm, &plain))
        der_read_fail(&r, "the key is neither EC nor Ed25519 nor RSA nor ML-DSA");
    der_read_leave(&r);
    struct span string = der_read_bits(&r);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_BAD_PUBLIC_KEY, "the public key", why));
    if (is_ec)
        return from_spki_ec(curve, string, k, why);
    if (is_rsa)
        return from_spki_rsa(string, k, why);
    return plain == KEY_ED25519 ? key_from_ed25519(string, k, why)
                                : key_from_mldsa(plain, string, k, why);
}
