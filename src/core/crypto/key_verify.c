/* Verifying what hardware signs. */
#include "core/crypto/key_verify.h"

#include <openssl/rsa.h>

#include "core/crypto/crypto_error.h"
#include "core/crypto/digest.h"
#include "core/crypto/key_private.h"

static bool set(EVP_PKEY_CTX *ctx, enum key_verify_scheme scheme, const EVP_MD *md)
{
    if (ctx == NULL)
        return false;
    if (scheme == KEY_VERIFY_ECDSA)
        return true;
    if (EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
        return false;
    return scheme == KEY_VERIFY_RSASSA ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) == 1);
}

enum err key_verify_scheme(const struct key *k, enum key_verify_scheme scheme,
                           enum hash_kind hash, struct span message,
                           struct span signature, struct err_info *why)
{
    static const enum digest digests[] = {
        [HASH_SHA256] = DIGEST_SHA256,
        [HASH_SHA384] = DIGEST_SHA384,
        [HASH_SHA512] = DIGEST_SHA512,
        [HASH_SHA1] = DIGEST_SHA1,
    };
    uint8_t octets[DIGEST_MAX_SIZE];

    if (key_type_is_plain(k->type) || hash == HASH_SHA224 ||
        (k->type == KEY_RSA) == (scheme == KEY_VERIFY_ECDSA))
        return err_set(why, ERR_BAD_SIGNATURE_ALGORITHM,
                       "the signature algorithm does not fit the key");
    size_t len = digest_make(digests[hash], message, octets);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(k->verifier);
    bool good = set(ctx, scheme, digest_algorithm(digests[hash])) &&
                EVP_PKEY_verify(ctx, signature.data, signature.len, octets, len) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!good)
        return crypto_error_set(why, ERR_UNAUTHORIZED, "the signature is wrong");
    return ERR_OK;
}
