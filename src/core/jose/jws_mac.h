/* JWS with a MAC: the external account binding of RFC 8555 7.3.4. HS256, HS384 and
 * HS512, `kid` and `url` in the protected header, no nonce. Who compares `url` and
 * `payload` with the outer request is the caller. */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/json/json_read.h"

#define JWS_MAC_KEY_MIN 16 /* octets of the shorter keys other CAs hand out */

/* What was read, nothing of it trusted yet. Everything lives in the arena. */
struct jws_mac {
    enum hash_kind hash;
    const char *kid;
    const char *url;
    struct span signing_input;
    struct span mac;     /* decoded */
    struct span payload; /* decoded: the account's JWK */
};

/* Read the object of `externalAccountBinding`. ERR_MALFORMED as jws_read, and for a
 * missing kid or url, a nonce, a jwk; ERR_BAD_SIGNATURE_ALGORITHM for an algorithm that
 * is none of the three. */
MUST_CHECK enum err jws_mac_read(struct arena *a, const struct json *value,
                                 struct jws_mac **jws, struct err_info *why);

/* Check the MAC, in constant time. ERR_UNAUTHORIZED if it is wrong. */
MUST_CHECK enum err jws_mac_verify(const struct jws_mac *jws, struct span key,
                                   struct err_info *why);

/* The MAC algorithm of that JOSE name ("HS256"); false if it is none of the three. */
bool jws_mac_algorithm(const char *name, enum hash_kind *hash);

/* Append the flattened JWS of `payload` under `key`. ERR_CRYPTO if the key is
 * shorter than JWS_MAC_KEY_MIN, ERR_TOO_LARGE if it does not fit. */
MUST_CHECK enum err jws_mac_sign(struct buf *b, enum hash_kind hash, struct span key,
                                 const char *kid, const char *url, struct span payload,
                                 struct err_info *why);
