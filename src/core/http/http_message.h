/* What a request or a response consists of, once it has been read (RFC 9110).
 * All strings are NUL-terminated, without control characters but horizontal tabs, and
 * lie in the message's arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/net/address.h"

#define HTTP_REPLY_HEADERS_MAX 24 /* headers of a reply */

enum http_method {
#define HTTP_METHOD(name) HTTP_##name,
#include "core/http/http_method.def"
#undef HTTP_METHOD
    HTTP_OTHER, /* any other token */
};

struct http_header {
    const char *name; /* as sent; lower case in HTTP/2 */
    const char *value;
};

/* Names a request to the server that made it, though its connection may be gone. */
struct http_token {
    uint32_t thread;
    uint32_t slot;
    uint32_t generation;
    int32_t stream; /* HTTP/2 stream, 0 in HTTP/1.1 */
};

/* A whole request. It lives in its arena; who has it answers it exactly once. */
struct http_request {
    struct arena *arena;
    enum http_method method;
    const char *method_text;
    const char *path;  /* as sent, percent-encoding checked but left; "*" for OPTIONS * */
    const char *query; /* behind the '?', NULL without one */
    const char *host;  /* authority as sent: host, perhaps with port; "" in HTTP/1.0 */
    struct http_header *headers;
    size_t header_count;
    struct span body;
    struct address peer;
    bool tls;
    bool http2;
    struct http_token token; /* the server's own */
};

/* An answer. Names, values and body live in the request's arena (or for ever). */
struct http_reply {
    int status;
    struct http_header headers[HTTP_REPLY_HEADERS_MAX];
    size_t header_count;
    struct span body;
    bool close; /* close the connection behind it */
};

/* The method's number; HTTP_OTHER for an unknown one. Methods are case-sensitive
 * (RFC 9110 9.1). */
enum http_method http_message_method(struct span text);

/* The reason phrase of a status ("Not Found"), "" if it has none. Static string. */
const char *http_message_reason(int status);

/* The value of the first header of that name (any case), NULL if there is none. */
const char *http_message_find(const struct http_header *headers, size_t count,
                              const char *name);

/* How many headers have that name (any case)? */
size_t http_message_count(const struct http_header *headers, size_t count,
                          const char *name);

/* The same for requests: NULL when the header is missing. */
static inline const char *http_request_header(const struct http_request *r,
                                              const char *name)
{
    return http_message_find(r->headers, r->header_count, name);
}

/* Add a header; Date, Content-Length, Connection and Transfer-Encoding are the server's
 * own and must not be given. Names and values are ours, so one that could split the
 * message, or one too many, ends the process. */
void http_reply_header(struct http_reply *r, const char *name, const char *value);
