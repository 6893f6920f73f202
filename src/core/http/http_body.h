/* Bodies of HTTP/1.1 messages as they come in: by length, chunked (RFC 9112 7.1), or
 * until the connection closes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/http/http_parse.h"

#define HTTP_BODY_CHUNK_LINE_MAX                                                         \
    256                               /* octets of a chunk-size line with its extensions \
                                       */
#define HTTP_BODY_EXTENSIONS_MAX 2048 /* octets of all chunk extensions of a body */
#define HTTP_BODY_TRAILERS_MAX                                                           \
    4096 /* octets of the trailer section, which is dropped                              \
          */

/* Where reading a body stands; made by http_body_begin, owns nothing. */
struct http_body {
    enum http_framing framing;
    int state;           /* of the chunked reader */
    uint64_t remaining;  /* octets of the body or of the chunk still to come */
    size_t line;         /* octets of the current line */
    size_t extensions;   /* octets of extensions so far */
    size_t trailers;     /* octets of trailers so far */
    unsigned int digits; /* of the chunk size so far */
};

/* Begin with a head's framing and content_length. */
struct http_body http_body_begin(enum http_framing framing, uint64_t content_length);

/* Take what belongs to the body from `input` and append it to `body`, whose maximum is
 * the largest body allowed (413 beyond it). `*used` octets of the input were taken; what
 * is behind them is the next message. */
enum http_parse_result http_body_feed(struct http_body *b, struct span input,
                                      struct buf *body, size_t *used,
                                      struct http_refusal *no);

/* The connection was closed: was that the proper end of the body? */
bool http_body_may_end(const struct http_body *b);
