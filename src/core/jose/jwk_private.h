/* Private JSON Web Keys (RFC 7518 6.2.2, 6.3.2), as other programs keep their account
 * keys. Apart from jwk.h, so that whoever reads keys of strangers never meets it. */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/json/json_read.h"

/* Read a private JWK: kty RSA with all its primes, or EC (P-256, P-384, P-521). The
 * halves must belong together. ERR_CRYPTO with what is wrong, ERR_MALFORMED if it is no
 * object. The caller frees the key. Copies of the numbers are left in the arena. */
MUST_CHECK enum err jwk_private_read(struct arena *a, const struct json *jwk,
                                     struct key **k, struct err_info *why);

/* Append a private key as a JWK, RSA with all its numbers. The caller wipes the buffer.
 * ERR_CRYPTO: it is neither RSA nor EC, or its private half is elsewhere. */
MUST_CHECK enum err jwk_private_write(struct buf *b, const struct key *k,
                                      struct err_info *why);
