/* What the files of key.h share and nobody else sees. */
#pragma once

#include <openssl/evp.h>

#include "core/crypto/key.h"

#define KEY_RSA_EXPONENT_MAX                                                             \
    8 /* octets; OpenSSL refuses larger ones with large moduli anyway */
#define KEY_EC_NUMBER_MAX 66 /* octets of a P-521 coordinate */

struct key {
    EVP_PKEY *pkey; /* owned */
    EVP_PKEY_CTX
    *signer; /* owned; ready to sign, copied for each use. NULL without private key
                and for Ed25519, which signs messages, not hashes */
    EVP_PKEY_CTX
    *verifier;         /* owned; ready to verify, copied for each use. NULL for Ed25519 */
    uint8_t *spki;     /* owned */
    size_t spki_len;   /* octets */
    struct span first; /* public numbers as key_numbers gives them; inside spki */
    struct span second;
    enum key_type type;
    bool is_private;
    int bits;
};

/* What differs between the types of fixed size. */
struct key_kind {
    const char *openssl_name; /* of the group or of the algorithm */
    int bits;
    size_t number_len;       /* octets of a coordinate; of the whole key for Ed25519 */
    struct span spki_prefix; /* everything in front of the (first) number */
};

/* The row of a type other than KEY_RSA. */
const struct key_kind *key_kind(enum key_type type);

/* Set spki, spki_len, first, second and bits of `k` from its type and the numbers, which
 * must be of the right length. */
void key_spki_build(struct key *k, struct span first, struct span second);

/* Make the object around `pkey` (taken over, also on failure), with the numbers already
 * known. ERR_CRYPTO if OpenSSL cannot use it. */
MUST_CHECK enum err key_wrap(EVP_PKEY *pkey, enum key_type type, bool is_private,
                             struct span first, struct span second, struct key **k,
                             struct err_info *why);

/* The same for a private key out of OpenSSL: type and numbers are asked from it.
 * ERR_CRYPTO if it is of no type we use, or its two halves do not belong together. */
MUST_CHECK enum err key_wrap_private(EVP_PKEY *pkey, struct key **k,
                                     struct err_info *why);

/* ERR_BAD_PUBLIC_KEY unless modulus and exponent are fit for use (see key_from_rsa). */
MUST_CHECK enum err key_check_rsa(struct span modulus, struct span exponent,
                                  struct err_info *why);
