/* JSON Web Keys (RFC 7517, 7518 section 6, 8037) and their thumbprints (RFC 7638). */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/json/json_read.h"

#define JWK_THUMBPRINT_SIZE 32 /* octets of the SHA-256 thumbprint */

/* Read a public JWK: kty EC (P-256, P-384, P-521), OKP (Ed25519), RSA. Numbers must be
 * strict base64url of exact length. ERR_BAD_PUBLIC_KEY (also for a private member "d",
 * for "oct", and for an unknown curve), ERR_MALFORMED if it is no object. The key belongs
 * to the arena. */
MUST_CHECK enum err jwk_read(struct arena *a, const struct json *jwk, struct key **k,
                             struct err_info *why);

/* Append the public JWK with its required members only, in the canonical order of RFC
 * 7638 3.2: storing this text is enough to read the key again. ML-DSA keys, which are of
 * certificates only, are written (kty AKP, draft-ietf-cose-dilithium), but not read. */
void jwk_write(struct buf *b, const struct key *k);

/* RFC 7638 thumbprint. */
void jwk_thumbprint(const struct key *k, uint8_t thumbprint[JWK_THUMBPRINT_SIZE]);

/* The thumbprint as base64url text (43 characters) in the arena. */
char *jwk_thumbprint_text(struct arena *a, const struct key *k);
