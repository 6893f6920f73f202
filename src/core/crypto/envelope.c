/* Octets for the holder of a key only. */
#include "core/crypto/envelope.h"

#include <openssl/rsa.h>
#include <string.h>

#include "core/crypto/crypto_error.h"
#include "core/crypto/digest.h"
#include "core/crypto/key_private.h"

static const EVP_MD *algorithm(enum hash_kind hash)
{
    return digest_algorithm(hash == HASH_SHA512   ? DIGEST_SHA512
                            : hash == HASH_SHA384 ? DIGEST_SHA384
                                                  : DIGEST_SHA256);
}

/* OpenSSL takes the label over, and an empty one is its own default. */
static bool set_label(EVP_PKEY_CTX *context, struct span label)
{
    void *copy = label.len > 0 ? OPENSSL_memdup(label.data, label.len) : NULL;

    if (label.len == 0)
        return true;
    if (copy != NULL &&
        EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)label.len) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

enum err envelope_oaep(const struct key *to, enum hash_kind hash, struct span label,
                       struct span plain, uint8_t *sealed, size_t *len,
                       struct err_info *why)
{
    enum err result = ERR_OK;
    size_t room = ENVELOPE_RSA_MAX;

    if (key_type(to) != KEY_RSA)
        return err_set(why, ERR_CRYPTO, "OAEP needs an RSA key");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, to->pkey, NULL);
    if (context == NULL || EVP_PKEY_encrypt_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, algorithm(hash)) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, algorithm(hash)) != 1 ||
        !set_label(context, label) ||
        EVP_PKEY_encrypt(context, sealed, &room, plain.data, plain.len) != 1)
        result = crypto_error_set(why, ERR_CRYPTO, "encryption with the RSA key failed");
    EVP_PKEY_CTX_free(context);
    if (result == ERR_OK)
        *len = room;
    return result;
}

enum err envelope_agree(const struct key *ours, const struct key *theirs, uint8_t *shared,
                        size_t *len, struct err_info *why)
{
    enum err result = ERR_OK;
    size_t room = ENVELOPE_SHARED_MAX;

    if (key_type(ours) != key_type(theirs) || !key_is_private(ours) ||
        (key_type(ours) != KEY_P256 && key_type(ours) != KEY_P384 &&
         key_type(ours) != KEY_P521))
        return err_set(why, ERR_CRYPTO, "the keys are not of one curve");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, ours->pkey, NULL);
    if (context == NULL || EVP_PKEY_derive_init(context) != 1 ||
        EVP_PKEY_derive_set_peer(context, theirs->pkey) != 1 ||
        EVP_PKEY_derive(context, shared, &room) != 1)
        result = crypto_error_set(why, ERR_CRYPTO, "the keys have no secret in common");
    EVP_PKEY_CTX_free(context);
    if (result == ERR_OK)
        *len = room;
    return result;
}

enum err envelope_cfb(struct span key, struct span plain, uint8_t *sealed,
                      struct err_info *why)
{
    static const uint8_t zeros[EVP_MAX_IV_LENGTH];
    enum err result = ERR_OK;
    int done = 0;

    if ((key.len != 16 && key.len != 32) || plain.len > 4096)
        return err_set(why, ERR_CRYPTO, "there is no AES with keys of %zu octets",
                       key.len);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher =
        key.len == 16 ? EVP_aes_128_cfb128() : EVP_aes_256_cfb128();
    if (context == NULL ||
        EVP_EncryptInit_ex(context, cipher, NULL, key.data, zeros) != 1 ||
        EVP_EncryptUpdate(context, sealed, &done, plain.data, (int)plain.len) != 1 ||
        (size_t)done != plain.len)
        result = crypto_error_set(why, ERR_CRYPTO, "AES failed");
    EVP_CIPHER_CTX_free(context);
    return result;
}
