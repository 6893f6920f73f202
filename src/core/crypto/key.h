/* Public and private keys: made, read, written, used. One object may be used by several
 * threads.
 *
 * Public keys are imported with EVP_PKEY_fromdata, never with the generic decoders
 * (d2i_PUBKEY costs 182 us, fromdata 28). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"

enum key_type {
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_ED25519,
    KEY_RSA,     /* any size; see key_bits */
    KEY_MLDSA44, /* FIPS 204; of OpenSSL 3.5 and newer, see key_type_is_there */
    KEY_MLDSA65,
    KEY_MLDSA87,
};

#define KEY_SIGNATURE_MAX 4627 /* octets of the longest signature: ML-DSA-87 */
#define KEY_RSA_MIN_BITS  2048
#define KEY_RSA_MAX_BITS  8192
#define KEY_PEM_MAX       (64 * 1024)  /* octets of a key file */
#define KEY_TABLE_OCTETS  (150 * 1024) /* of memory, about: see key_expect_many */

/* How a signature is laid out and which hash it uses. */
enum key_signature {
    KEY_SIGNATURE_ES256, /* JOSE: raw r||s (RFC 7518 3.4) */
    KEY_SIGNATURE_ES384,
    KEY_SIGNATURE_ES512,
    KEY_SIGNATURE_EDDSA, /* RFC 8037, Ed25519 */
    KEY_SIGNATURE_RS256, /* RFC 7518 3.3 */
    KEY_SIGNATURE_RS384,
    KEY_SIGNATURE_RS512,
    KEY_SIGNATURE_PS256, /* RFC 7518 3.5: PSS, salt as long as the hash, MGF1 with it */
    KEY_SIGNATURE_PS384,
    KEY_SIGNATURE_PS512,
    KEY_SIGNATURE_ECDSA_SHA256, /* X.509: DER (RFC 5758) */
    KEY_SIGNATURE_ECDSA_SHA384,
    KEY_SIGNATURE_ECDSA_SHA512,
    KEY_SIGNATURE_MLDSA44, /* pure, with an empty context (RFC 9881 3) */
    KEY_SIGNATURE_MLDSA65,
    KEY_SIGNATURE_MLDSA87,
};

struct key;

/* Free; NULL is fine. key_drop is the same for arena_own. */
void key_free(struct key *k);
void key_drop(void *k);
static inline void key_auto(struct key **k)
{
    key_free(*k);
}

/* Can the OpenSSL that runs make and use such keys? Asked from it once, not from the
 * headers: ML-DSA is there from 3.5 on. */
bool key_type_is_there(enum key_type type);

/* ERR_CRYPTO with a sentence that names the type, unless it is there. */
MUST_CHECK enum err key_type_check(enum key_type type, struct err_info *why);

/* Is such a key one string of octets, which signs messages and not their hashes: Ed25519
 * and ML-DSA? */
bool key_type_is_plain(enum key_type type);

/* A new private key. `rsa_bits` only for KEY_RSA (2048, 3072, 4096). */
MUST_CHECK enum err key_generate(enum key_type type, int rsa_bits, struct key **k,
                                 struct err_info *why);

/* A public key from big-endian numbers: EC point coordinates of the curve's full length
 * (checked to be on the curve), or RSA modulus and exponent, or the 32 octets of Ed25519
 * (x only). ERR_BAD_PUBLIC_KEY with the reason: not on the curve, wrong length, RSA
 * modulus smaller than KEY_RSA_MIN_BITS or larger than KEY_RSA_MAX_BITS, even, exponent
 * even or < 3 or of more than 64 bits; an Ed25519 key that is no point, or one of small
 * order. */
MUST_CHECK enum err key_from_ec(enum key_type type, struct span x, struct span y,
                                struct key **k, struct err_info *why);
MUST_CHECK enum err key_from_ed25519(struct span x, struct key **k, struct err_info *why);
/* The octets of FIPS 204 5.3, as many as the type has. */
MUST_CHECK enum err key_from_mldsa(enum key_type type, struct span octets, struct key **k,
                                   struct err_info *why);
MUST_CHECK enum err key_from_rsa(struct span modulus, struct span exponent,
                                 struct key **k, struct err_info *why);

/* A public key from a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7), read strictly: exact
 * DER, named curves and uncompressed points only, no trailing octets, no parameters of
 * Ed25519 and ML-DSA (RFC 8410 3, RFC 9881 2). ERR_BAD_PUBLIC_KEY. */
MUST_CHECK enum err key_from_spki(struct span spki, struct key **k, struct err_info *why);

/* A private key from PEM: PKCS#8 (encrypted needs `passphrase`, else NULL), SEC1 or
 * PKCS#1. ERR_CRYPTO with a sentence for a wrong passphrase, a missing one, or no key. */
MUST_CHECK enum err key_from_pem(struct span pem, const struct secret *passphrase,
                                 struct key **k, struct err_info *why);

/* The private key as PKCS#8 PEM; with a passphrase encrypted (PBES2, AES-256-CBC, PBKDF2
 * with at least 600,000 rounds of HMAC-SHA-256). The result must be freed with
 * secret_free. */
MUST_CHECK enum err key_to_pem(const struct key *k, const struct secret *passphrase,
                               struct secret *pem, struct err_info *why);

/* A private half that is kept elsewhere, such as in a hardware token. */
struct key_outside {
    /* Sign what such a key signs: the hash for ECDSA, a DigestInfo (RFC 8017 9.2) for
     * RSA, the message for a plain key. `signature` has KEY_SIGNATURE_MAX octets; ECDSA
     * gives r and s side by side at full length. Several threads may call. */
    enum err (*sign)(void *owner, struct span input, uint8_t *signature, size_t *len,
                     struct err_info *why);
    void (*drop)(void *owner); /* when the key is freed */
    void *owner;
};

/* A key whose private half is elsewhere, with the public half from a DER
 * SubjectPublicKeyInfo. It signs by PKCS #1 v1.5, ECDSA and as plain keys, not by PSS,
 * and cannot be written. The owner belongs to the key on success only.
 * ERR_BAD_PUBLIC_KEY. */
MUST_CHECK enum err key_from_outside(struct span spki, const struct key_outside *outside,
                                     struct key **k, struct err_info *why);

/* Have the owner of such a key sign `input` as struct key_outside says; nothing is
 * hashed, wrapped or verified here. For who hands keys of others on. ERR_CRYPTO if the
 * private half is not elsewhere; else as the owner fails. */
MUST_CHECK enum err key_sign_outside(const struct key *k, struct span input,
                                     uint8_t *signature, size_t *len,
                                     struct err_info *why);

/* Is its private half elsewhere? */
bool key_is_outside(const struct key *k);

/* What it is, and whether its private half is there. */
enum key_type key_type(const struct key *k);
bool key_is_private(const struct key *k);

/* Modulus bits of RSA, field bits of EC, 256 for Ed25519; 44, 65 or 87 of ML-DSA. */
int key_bits(const struct key *k);

/* DER SubjectPublicKeyInfo, owned by the key. */
struct span key_spki(const struct key *k);

/* The public numbers, big-endian, as JWK wants them (RFC 7518 6.2, 6.3; RFC 8037): EC x
 * and y at full length, plain keys x only (y empty), RSA n and e without leading zeros.
 * Owned by the key. */
void key_numbers(const struct key *k, struct span *first, struct span *second);

/* Same public key? */
bool key_equal(const struct key *a, const struct key *b);

/* Sign; `signature` has KEY_SIGNATURE_MAX octets. ERR_CRYPTO if the key is no private
 * one, the type does not fit, or OpenSSL fails. Contexts are kept per thread: 25 us for
 * P-256. What comes from elsewhere is verified before it is given back; whoever keeps the
 * private half may fail in its own ways (ERR_IO, ERR_CRYPTO). */
MUST_CHECK enum err key_sign(const struct key *k, enum key_signature how,
                             struct span message, uint8_t *signature, size_t *len,
                             struct err_info *why);

/* Verify. ERR_OK only for a good signature of that type and of exactly that layout (raw
 * ECDSA must have full length); ERR_UNAUTHORIZED for a wrong one;
 * ERR_BAD_SIGNATURE_ALGORITHM if `how` does not fit the key. */
MUST_CHECK enum err key_verify(const struct key *k, enum key_signature how,
                               struct span message, struct span signature,
                               struct err_info *why);

/* `k` will verify very many signatures, as a CA's own key does. For P-256 it gets a table
 * of KEY_TABLE_OCTETS in 20 ms, as long as 700 signatures take, and each takes half the
 * time from then on; other types stay as they are. Others may use the key meanwhile. */
void key_expect_many(struct key *k);

/* The X.509 signature kind this key signs certificates with: ECDSA_SHA256 for P-256,
 * SHA384 for P-384, SHA512 for P-521, EDDSA, RS256 for RSA, ML-DSA's own. */
enum key_signature key_x509_signature(const struct key *k);
