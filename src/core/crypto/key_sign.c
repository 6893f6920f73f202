/* Signing and verifying. */
#include <assert.h>
#include <openssl/rsa.h>

#include "core/crypto/crypto_error.h"
#include "core/crypto/digest.h"
#include "core/crypto/ecdsa.h"
#include "core/crypto/key_private.h"

#define DIGEST_INFO_MAX (19 + DIGEST_MAX_SIZE) /* octets */

enum family {
    FAMILY_ECDSA, /* DER */
    FAMILY_ECDSA_RAW,
    FAMILY_RSA,
    FAMILY_RSA_PSS,
    FAMILY_PLAIN, /* over the message */
};

static const struct {
    enum family family;
    enum digest digest;
    enum key_type type; /* not for FAMILY_ECDSA; JOSE binds hash and curve */
} methods[] = {
    [KEY_SIGNATURE_ES256] = {FAMILY_ECDSA_RAW, DIGEST_SHA256, KEY_P256},
    [KEY_SIGNATURE_ES384] = {FAMILY_ECDSA_RAW, DIGEST_SHA384, KEY_P384},
    [KEY_SIGNATURE_ES512] = {FAMILY_ECDSA_RAW, DIGEST_SHA512, KEY_P521},
    [KEY_SIGNATURE_EDDSA] = {FAMILY_PLAIN, DIGEST_SHA512, KEY_ED25519},
    [KEY_SIGNATURE_RS256] = {FAMILY_RSA, DIGEST_SHA256, KEY_RSA},
    [KEY_SIGNATURE_RS384] = {FAMILY_RSA, DIGEST_SHA384, KEY_RSA},
    [KEY_SIGNATURE_RS512] = {FAMILY_RSA, DIGEST_SHA512, KEY_RSA},
    [KEY_SIGNATURE_PS256] = {FAMILY_RSA_PSS, DIGEST_SHA256, KEY_RSA},
    [KEY_SIGNATURE_PS384] = {FAMILY_RSA_PSS, DIGEST_SHA384, KEY_RSA},
    [KEY_SIGNATURE_PS512] = {FAMILY_RSA_PSS, DIGEST_SHA512, KEY_RSA},
    [KEY_SIGNATURE_ECDSA_SHA256] = {FAMILY_ECDSA, DIGEST_SHA256, KEY_P256},
    [KEY_SIGNATURE_ECDSA_SHA384] = {FAMILY_ECDSA, DIGEST_SHA384, KEY_P384},
    [KEY_SIGNATURE_ECDSA_SHA512] = {FAMILY_ECDSA, DIGEST_SHA512, KEY_P521},
    [KEY_SIGNATURE_MLDSA44] = {FAMILY_PLAIN, DIGEST_SHA512, KEY_MLDSA44},
    [KEY_SIGNATURE_MLDSA65] = {FAMILY_PLAIN, DIGEST_SHA512, KEY_MLDSA65},
    [KEY_SIGNATURE_MLDSA87] = {FAMILY_PLAIN, DIGEST_SHA512, KEY_MLDSA87},
};

static bool fits(const struct key *k, enum key_signature how)
{
    if (methods[how].family == FAMILY_ECDSA)
        return k->type == KEY_P256 || k->type == KEY_P384 || k->type == KEY_P521;
    return k->type == methods[how].type;
}

static bool set_pss(EVP_PKEY_CTX *ctx, const EVP_MD *md)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* A copy of a ready context, with the right hash and padding for RSA (the ready one has
 * SHA-256 and PKCS #1 v1.5). */
static EVP_PKEY_CTX *context_for(const EVP_PKEY_CTX *ready, enum key_signature how)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(ready);
    enum family family = methods[how].family;
    bool good = ctx != NULL;

    if (good && (family == FAMILY_RSA || family == FAMILY_RSA_PSS)) {
        const EVP_MD *md = digest_algorithm(methods[how].digest);
        if (methods[how].digest != DIGEST_SHA256)
            good = EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
        if (good && family == FAMILY_RSA_PSS)
            good = set_pss(ctx, md);
    }
    if (good)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static bool sign_plain(const struct key *k, struct span message, uint8_t *signature,
                       size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    bool done = ctx != NULL &&
                EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, k->pkey, NULL) == 1 &&
                EVP_DigestSign(ctx, signature, len, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

static bool sign_hash(const struct key *k, enum key_signature how, struct span message,
                      uint8_t *signature, size_t *len)
{
    uint8_t hash[DIGEST_MAX_SIZE];
    size_t hash_len = digest_make(methods[how].digest, message, hash);
    EVP_PKEY_CTX *ctx = context_for(k->signer, how);

    bool done = ctx != NULL && EVP_PKEY_sign(ctx, signature, len, hash, hash_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return done;
}

/* What whoever keeps the private half is to sign. */
static struct span outside_input(enum key_signature how, struct span message,
                                 uint8_t *room)
{
    /* RFC 8017 9.2, note 1: up to the hash */
    static const uint8_t sha2[] = {0x30, 0,    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
                                   0x01, 0x65, 0x03, 0x04, 0x02, 0,    0x05, 0x00, 0x04};
    static const uint8_t last_arc[] = {
        [DIGEST_SHA256] = 1, [DIGEST_SHA384] = 2, [DIGEST_SHA512] = 3};
    uint8_t hash[DIGEST_MAX_SIZE];

    if (methods[how].family == FAMILY_PLAIN)
        return message;
    size_t hash_len = digest_make(methods[how].digest, message, hash);
    size_t len = 0;
    if (methods[how].family == FAMILY_RSA) {
        memcpy(room, sha2, sizeof sha2);
        room[1] = (uint8_t)(sizeof sha2 - 1 + hash_len);
        room[14] = last_arc[methods[how].digest];
        len = sizeof sha2;
        room[len++] = (uint8_t)hash_len;
    }
    memcpy(room + len, hash, hash_len);
    return span_make(room, len + hash_len);
}

/* From ECDSA the numbers side by side are wanted in DER by X.509. */
static enum err sign_outside(const struct key *k, enum key_signature how,
                             struct span message, uint8_t *signature, size_t *len,
                             struct err_info *why)
{
    uint8_t room[DIGEST_INFO_MAX];
    uint8_t made[KEY_SIGNATURE_MAX];
    size_t made_len = sizeof made;
    struct err_info unsaid = {0};

    if (methods[how].family == FAMILY_RSA_PSS)
        return err_set(why, ERR_CRYPTO, "keys in tokens make no PSS signatures");
    TRY(k->outside.sign(k->outside.owner, outside_input(how, message, room), made,
                        &made_len, why));
    struct span whole = span_make(made, made_len);
    if (methods[how].family == FAMILY_ECDSA) {
        uint8_t der[ECDSA_DER_MAX];
        made_len = ecdsa_to_der(whole, key_kind(k->type)->number_len, der);
        memcpy(made, der, made_len);
        whole = span_make(made, made_len);
    }
    /* a device that fails must not have its mistake published as a certificate */
    if (key_verify(k, how, message, whole, &unsaid) != ERR_OK)
        return err_set(why, ERR_CRYPTO,
                       "what the token signed does not verify with the public half of "
                       "the key");
    memcpy(signature, made, made_len);
    *len = made_len;
    return ERR_OK;
}

enum err key_sign(const struct key *k, enum key_signature how, struct span message,
                  uint8_t *signature, size_t *len, struct err_info *why)
{
    uint8_t made[KEY_SIGNATURE_MAX];
    size_t made_len = sizeof made;

    if (!k->is_private || !fits(k, how))
        return err_set(why, ERR_CRYPTO, "the key cannot make such a signature");
    if (key_is_outside(k))
        return sign_outside(k, how, message, signature, len, why);
    bool done = methods[how].family == FAMILY_PLAIN
                    ? sign_plain(k, message, made, &made_len)
                    : sign_hash(k, how, message, made, &made_len);
    if (!done)
        return crypto_error_set(why, ERR_CRYPTO, "signing failed");
    if (methods[how].family != FAMILY_ECDSA_RAW) {
        memcpy(signature, made, made_len);
        *len = made_len;
        return ERR_OK;
    }
    size_t number_len = key_kind(k->type)->number_len;
    if (!ecdsa_to_raw(span_make(made, made_len), number_len, signature))
        return err_set(why, ERR_CRYPTO, "OpenSSL made a signature that is not DER");
    *len = 2 * number_len;
    return ERR_OK;
}

static bool verify_plain(const struct key *k, struct span message, struct span signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    bool good =
        ctx != NULL &&
        EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, k->pkey, NULL) == 1 &&
        EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) ==
            1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool verify_hash(const struct key *k, enum key_signature how, struct span message,
                        struct span signature)
{
    uint8_t hash[DIGEST_MAX_SIZE];
    uint8_t der[ECDSA_DER_MAX];

    if (methods[how].family == FAMILY_ECDSA_RAW) {
        size_t len = ecdsa_to_der(signature, key_kind(k->type)->number_len, der);
        if (len == 0)
            return false;
        signature = span_make(der, len);
    }
    size_t hash_len = digest_make(methods[how].digest, message, hash);
    const struct key_table *table = atomic_load(&k->table);
    if (table != NULL)
        return key_table_verify(table, span_make(hash, hash_len), signature);
    EVP_PKEY_CTX *ctx = context_for(k->verifier, how);
    bool good = ctx != NULL &&
                EVP_PKEY_verify(ctx, signature.data, signature.len, hash, hash_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

void key_expect_many(struct key *k)
{
    struct key_table *none = NULL;

    if (k->type != KEY_P256 || atomic_load(&k->table) != NULL)
        return;
    struct key_table *made = key_table_new(k->first, k->second);
    if (made != NULL && !atomic_compare_exchange_strong(&k->table, &none, made))
        key_table_free(made); /* another thread was faster */
}

enum err key_verify(const struct key *k, enum key_signature how, struct span message,
                    struct span signature, struct err_info *why)
{
    if (!fits(k, how))
        return err_set(why, ERR_BAD_SIGNATURE_ALGORITHM,
                       "the signature algorithm does not fit the key");
    bool good = methods[how].family == FAMILY_PLAIN
                    ? verify_plain(k, message, signature)
                    : verify_hash(k, how, message, signature);
    if (!good)
        return crypto_error_set(why, ERR_UNAUTHORIZED, "the signature is wrong");
    return ERR_OK;
}
