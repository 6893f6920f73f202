/* Keys: making new ones, and what can be asked of one. */
#include "core/crypto/key.h"

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "core/crypto/crypto_error.h"
#include "core/crypto/key_private.h"

void key_free(struct key *k)
{
    if (k == NULL)
        return;
    if (k->outside.drop != NULL)
        k->outside.drop(k->outside.owner);
    EVP_PKEY_CTX_free(k->signer);
    if (k->is_private || !key_spare_give(k->type, k->pkey, k->verifier)) {
        EVP_PKEY_CTX_free(k->verifier);
        EVP_PKEY_free(k->pkey); /* wipes the private numbers */
    }
    key_table_free(atomic_load(&k->table));
    free(k->spki);
    free(k);
}

void key_drop(void *k)
{
    key_free(k);
}

enum err key_generate(enum key_type type, int rsa_bits, struct key **k,
                      struct err_info *why)
{
    EVP_PKEY *pkey = NULL;

    switch (type) {
    case KEY_P256:
    case KEY_P384:
    case KEY_P521:
        pkey = EVP_EC_gen(key_kind(type)->openssl_name);
        break;
    case KEY_MLDSA44:
    case KEY_MLDSA65:
    case KEY_MLDSA87:
        TRY(key_type_check(type, why));
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, key_kind(type)->openssl_name);
        break;
    case KEY_ED25519:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, key_kind(type)->openssl_name);
        break;
    case KEY_RSA:
        if (rsa_bits != 2048 && rsa_bits != 3072 && rsa_bits != 4096)
            return err_set(why, ERR_CRYPTO,
                           "RSA keys are made with 2048, 3072 or 4096 bits, not %d",
                           rsa_bits);
        pkey = EVP_RSA_gen((unsigned int)rsa_bits);
        break;
    }
    if (pkey == NULL)
        return crypto_error_set(why, ERR_CRYPTO, "a new key could not be made");
    return key_wrap_private(pkey, k, why);
}

enum key_type key_type(const struct key *k)
{
    return k->type;
}

bool key_is_private(const struct key *k)
{
    return k->is_private;
}

int key_bits(const struct key *k)
{
    return k->bits;
}

struct span key_spki(const struct key *k)
{
    return span_make(k->spki, k->spki_len);
}

void key_numbers(const struct key *k, struct span *first, struct span *second)
{
    *first = k->first;
    *second = k->second;
}

bool key_equal(const struct key *a, const struct key *b)
{
    return span_equal(key_spki(a), key_spki(b));
}

enum key_signature key_x509_signature(const struct key *k)
{
    static const enum key_signature by_type[] = {
        [KEY_P256] = KEY_SIGNATURE_ECDSA_SHA256, [KEY_P384] = KEY_SIGNATURE_ECDSA_SHA384,
        [KEY_P521] = KEY_SIGNATURE_ECDSA_SHA512, [KEY_ED25519] = KEY_SIGNATURE_EDDSA,
        [KEY_RSA] = KEY_SIGNATURE_RS256,         [KEY_MLDSA44] = KEY_SIGNATURE_MLDSA44,
        [KEY_MLDSA65] = KEY_SIGNATURE_MLDSA65,   [KEY_MLDSA87] = KEY_SIGNATURE_MLDSA87,
    };

    return by_type[k->type];
}
