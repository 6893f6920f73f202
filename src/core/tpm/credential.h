/* TPM2_MakeCredential without a TPM (TPM 2.0 Part 1, 24 Credential Protection): a secret
 * that only a TPM can read that holds both an endorsement key (EK) and an object of that
 * name. TPM2_ActivateCredential gives it back. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

#define CREDENTIAL_SECRET_MAX 32 /* octets: what any EK's name algorithm can carry */
#define CREDENTIAL_NAME_MAX   66 /* octets of a name: two, and a hash */

/* The arguments of TPM2_ActivateCredential, each with the two octets of its length in
 * front. In the arena. */
struct credential {
    struct span blob;   /* TPM2B_ID_OBJECT */
    struct span secret; /* TPM2B_ENCRYPTED_SECRET */
};

/* Can credentials be made for that EK? It is taken to be of the template that the TCG EK
 * Credential Profile has for its type, as names and ciphers of an EK are not in its
 * public key: RSA of 2048 bits and P-256 (SHA-256, AES-128), RSA of 3072 and 4096 bits
 * and P-384 (SHA-384, AES-256), P-521 (SHA-512, AES-256). ERR_BAD_PUBLIC_KEY for others.
 */
MUST_CHECK enum err credential_check_key(const struct key *ek, struct err_info *why);

/* Seal `secret` (1 to CREDENTIAL_SECRET_MAX octets) for the TPM of that EK and the object
 * with that name (algorithm and hash, Part 1, 16). ERR_BAD_PUBLIC_KEY, ERR_CRYPTO. */
MUST_CHECK enum err credential_make(struct arena *a, const struct key *ek,
                                    struct span name, struct span secret,
                                    struct credential *made, struct err_info *why);
