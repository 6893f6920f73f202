/* Octets for the holder of a key only: what TPM2_MakeCredential is made of (TPM 2.0 Part
 * 1, 24; Part 1 Annexes B.4 and C.6). */
#pragma once

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"

#define ENVELOPE_RSA_MAX    (KEY_RSA_MAX_BITS / 8) /* octets */
#define ENVELOPE_SHARED_MAX 66                     /* octets: a coordinate of P-521 */

/* RSAES-OAEP (RFC 8017 7.1) with that hash, also in MGF1; the label's octets as they are.
 * `sealed` has ENVELOPE_RSA_MAX octets. ERR_CRYPTO if the key is no RSA key, or `plain`
 * too long for it. */
MUST_CHECK enum err envelope_oaep(const struct key *to, enum hash_kind hash,
                                  struct span label, struct span plain, uint8_t *sealed,
                                  size_t *len, struct err_info *why);

/* ECDH (SP 800-56A 5.7.1.2) of our private key and somebody's public one of the same
 * curve: the x coordinate at full length. `shared` has ENVELOPE_SHARED_MAX octets, and is
 * to be wiped by the caller. ERR_CRYPTO if the keys do not fit. */
MUST_CHECK enum err envelope_agree(const struct key *ours, const struct key *theirs,
                                   uint8_t *shared, size_t *len, struct err_info *why);

/* AES in CFB mode of whole blocks with an initialization vector of zeros: for keys that
 * are used once. A key of 16 or 32 octets; `sealed` has as many octets as `plain`.
 * ERR_CRYPTO. */
MUST_CHECK enum err envelope_cfb(struct span key, struct span plain, uint8_t *sealed,
                                 struct err_info *why);
