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
    KEY_RSA, /* any size; see key_bits */
};

#define KEY_SIGNATURE_MAX 1024 /* octets of the longest signature made or checked */
#define KEY_RSA_MIN_BITS  2048
#define KEY_RSA_MAX_BITS  8192
#define KEY_PEM_MAX       (64 * 1024) /* octets of a key file */

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
};

struct key;

/* Free; NULL is fine. key_drop is the same for arena_own. */
void key_free(struct key *k);
void key_drop(void *k);
static inline void key_auto(struct key **k)
{
    key_free(*k);
}

/* A new private key. `rsa_bits` only for KEY_RSA (2048, 3072, 4096). */
MUST_CHECK enum err key_generate(enum key_type type, int rsa_bits, struct key **k,
                                 struct err_info *why);

/* A public key from big-endian numbers: EC point coordinates of the curve's full length
 * (checked to be on the curve), or RSA modulus and exponent, or the 32 octets of Ed25519
 * (x only). ERR_BAD_PUBLIC_KEY with the reason: not on the curve, wrong length, RSA
 * modulus smaller than KEY_RSA_MIN_BITS or larger than KEY_RSA_MAX_BITS, even, exponent
 * even or < 3. */
MUST_CHECK enum err key_from_ec(enum key_type type, struct span x, struct span y,
                                struct key **k, struct err_info *why);
MUST_CHECK enum err key_from_ed25519(struct span x, struct key **k, struct err_info *why);
MUST_CHECK enum err key_from_rsa(struct span modulus, struct span exponent,
                                 struct key **k, struct err_info *why);

/* A public key from a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7), read strictly: exact
 * DER, named curves and uncompressed points only, no trailing octets. ERR_BAD_PUBLIC_KEY.
 */
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

/* What it is, and whether its private half is there. */
enum key_type key_type(const struct key *k);
bool key_is_private(const struct key *k);

/* Modulus bits of RSA, field bits of EC, 256 for Ed25519. */
int key_bits(const struct key *k);

/* DER SubjectPublicKeyInfo, owned by the key. */
struct span key_spki(const struct key *k);

/* The public numbers, big-endian, as JWK wants them (RFC 7518 6.2, 6.3; RFC 8037): EC x
 * and y at full length, Ed25519 x only (y empty), RSA n and e without leading zeros.
 * Owned by the key. */
void key_numbers(const struct key *k, struct span *first, struct span *second);

/* Same public key? */
bool key_equal(const struct key *a, const struct key *b);

/* Sign; `signature` has KEY_SIGNATURE_MAX octets. ERR_CRYPTO if the key is no private
 * one, the type does not fit, or OpenSSL fails. Contexts are kept per thread: 25 us for
 * P-256. */
MUST_CHECK enum err key_sign(const struct key *k, enum key_signature how,
                             struct span message, uint8_t *signature, size_t *len,
                             struct err_info *why);

/* Verify. ERR_OK only for a good signature of that type and of exactly that layout (raw
 * ECDSA must have full length); ERR_UNAUTHORIZED for a wrong one;
 * ERR_BAD_SIGNATURE_ALGORITHM if `how` does not fit the key. */
MUST_CHECK enum err key_verify(const struct key *k, enum key_signature how,
                               struct span message, struct span signature,
                               struct err_info *why);

/* The X.509 signature kind this key signs certificates with: ECDSA_SHA256 for P-256,
 * SHA384 for P-384, SHA512 for P-521, EDDSA, RS256 for RSA. */
enum key_signature key_x509_signature(const struct key *k);
