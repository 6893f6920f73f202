/* Flattened JWS as RFC 8555 6.2 narrows it: one signature, protected header only, `alg`,
 * `nonce`, `url`, and exactly one of `jwk` and `kid`. Reading and verifying are two
 * steps: between them the caller finds the key of a kid. */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/json/json_read.h"

/* What was read, nothing of it trusted yet. Everything lives in the arena. */
struct jws {
    enum key_signature algorithm;
    const char *algorithm_name; /* as sent */
    const char *url;            /* NULL if absent */
    const char *nonce;          /* NULL if absent */
    const char *kid;            /* exactly one of kid and jwk is set */
    struct key *jwk;
    const char *jwk_text;      /* canonical JWK text when jwk is set */
    struct span signing_input; /* BASE64URL(protected) "." BASE64URL(payload) */
    struct span signature;     /* decoded */
    struct span payload;       /* decoded; empty for POST-as-GET */
};

/* A JWS whose signature was found good; only jws_verify makes one. */
struct jws_verified {
    const struct jws *jws;
    const struct key *key;
};

/* Read a flattened JWS. ERR_MALFORMED: no object, `signatures`, an unprotected `header`,
 * missing or empty members, bad base64url (padding is refused), `crit`, `b64`, both or
 * neither of jwk and kid, a nonce that is not base64url. ERR_BAD_SIGNATURE_ALGORITHM for
 * `none`, HS*, unknown ones, or an algorithm that does not fit the jwk; the sentence
 * lists what is supported. ERR_BAD_PUBLIC_KEY for the jwk itself. */
MUST_CHECK enum err jws_read(struct arena *a, struct span text, struct jws **jws,
                             struct err_info *why);

/* Check the signature with `key` (jws->jwk, or the account's).
 * ERR_BAD_SIGNATURE_ALGORITHM if the algorithm does not fit the key, ERR_UNAUTHORIZED
 * ("the signature is wrong") otherwise. ECDSA signatures that lost one or two
 * leading zeros, as some devices make them, are repaired. */
MUST_CHECK enum err jws_verify(struct arena *a, const struct jws *jws,
                               const struct key *key,
                               const struct jws_verified **verified,
                               struct err_info *why);

/* JWS algorithms accepted from ACME clients, as a JSON array text for the `algorithms`
 * member of badSignatureAlgorithm problems (RFC 8555 6.2). */
const char *jws_algorithms_json(void);

/* Sign: append the flattened JWS. `kid` NULL puts the public JWK into the header; `nonce`
 * NULL leaves it out (inner JWS of a key change). Algorithm by key type: ES256/384/512,
 * EdDSA, RS256. An empty `payload` gives "payload":"" (POST-as-GET). */
MUST_CHECK enum err jws_sign(struct buf *b, const struct key *key, const char *kid,
                             const char *nonce, const char *url, struct span payload,
                             struct err_info *why);
