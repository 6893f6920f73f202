/* The parts of a flattened JWS that signatures and MACs have in common; only for
 * core/jose. */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/json/json_read.h"

#define JWS_PARTS_HEADER_MAX (16 * 1024)       /* octets of a protected header we write */
#define JWS_PARTS_INPUT_MAX  (2 * 1024 * 1024) /* octets of a signing input we write */

struct jws_parts {
    const struct json *header; /* the protected header, an object */
    struct span signing_input; /* BASE64URL(protected) "." BASE64URL(payload) */
    struct span payload;       /* decoded */
    struct span signature;     /* decoded, not empty */
};

/* Take a flattened JWS apart (RFC 7515 7.2.2 as RFC 8555 6.2 narrows it): refuses
 * `signatures`, `header`, `crit`, `b64`, missing members and bad base64url with
 * ERR_MALFORMED. */
MUST_CHECK enum err jws_parts_read(struct arena *a, const struct json *jws,
                                   struct jws_parts *parts, struct err_info *why);

/* Append BASE64URL(header) "." BASE64URL(payload). */
void jws_parts_input(struct buf *input, struct span header, struct span payload);

/* Append the flattened JWS of a signing input and its signature. */
void jws_parts_write(struct buf *b, struct span input, struct span signature);
