/* What the files of key.h share and nobody else sees. */
#pragma once

#include <openssl/evp.h>
#include <stdatomic.h>

#include "core/crypto/key.h"
#include "core/crypto/key_table.h"

#define KEY_RSA_EXPONENT_MAX                                                             \
    8 /* octets; OpenSSL refuses larger ones with large moduli anyway */
#define KEY_EC_NUMBER_MAX 66   /* octets of a P-521 coordinate */
#define KEY_PLAIN_MAX     2592 /* octets of a plain key: ML-DSA-87 */

struct key {
    EVP_PKEY *pkey; /* owned */
    EVP_PKEY_CTX
    *signer; /* owned; ready to sign, copied for each use. NULL without private key
                and for plain keys, which sign messages, not hashes */
    EVP_PKEY_CTX
    *verifier; /* owned; ready to verify, copied for each use. NULL for plain keys */
    _Atomic(struct key_table *) table; /* owned; NULL unless very many are expected */
    uint8_t *spki;                     /* owned */
    size_t spki_len;                   /* octets */
    struct span first; /* public numbers as key_numbers gives them; inside spki */
    struct span second;
    enum key_type type;
    bool is_private;
    int bits;
    struct key_outside outside; /* owned; `sign` is NULL unless the private half is
                                   elsewhere */
};

/* What differs between the types of fixed size. */
struct key_kind {
    const char *openssl_name; /* of the group or of the algorithm */
    int bits;
    size_t number_len;       /* octets of a coordinate; of a whole plain key */
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

/* The same with a context that is ready to verify with `pkey`, taken over, too; NULL: one
 * is made. */
MUST_CHECK enum err key_wrap_ready(EVP_PKEY *pkey, EVP_PKEY_CTX *verifier,
                                   enum key_type type, bool is_private, struct span first,
                                   struct span second, struct key **k,
                                   struct err_info *why);

/* Keep a public key that is over, with its context, to be given another point: false, and
 * nothing is kept, if it is on no curve or there are enough. Nothing else may use them.
 */
bool key_spare_give(enum key_type type, EVP_PKEY *pkey, EVP_PKEY_CTX *verifier);

/* One of those; NULL and NULL if there is none. */
void key_spare_take(enum key_type type, EVP_PKEY **pkey, EVP_PKEY_CTX **verifier);

/* The same for a private key out of OpenSSL: type and numbers are asked from it.
 * ERR_CRYPTO if it is of no type we use, or its two halves do not belong together. */
MUST_CHECK enum err key_wrap_private(EVP_PKEY *pkey, struct key **k,
                                     struct err_info *why);

/* Is it the algorithm of plain keys, by the content octets of its OID (RFC 8410 3, RFC
 * 9881 2)? Such have no parameters. */
bool key_plain_algorithm(struct span oid, enum key_type *type);

/* ERR_BAD_PUBLIC_KEY unless modulus and exponent are fit for use (see key_from_rsa). */
MUST_CHECK enum err key_check_rsa(struct span modulus, struct span exponent,
                                  struct err_info *why);

/* ERR_BAD_PUBLIC_KEY unless the 32 octets are a point of the curve, written in the one
 * way there is, and not of small order. */
MUST_CHECK enum err key_check_ed25519(struct span x, struct err_info *why);
