/* The heads of HTTP/1.1 messages, read to the letter of RFC 9112: what a lenient reader
 * would repair is refused, so that no intermediary can see another message than we do.
 * Only CRLF ends a line, no obs-fold, one Host, one Content-Length of digits or one
 * "Transfer-Encoding: chunked", never both. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/http/http_message.h"

struct http_parse_limits {
    size_t head_octets;  /* of the start line and all headers */
    size_t header_count; /* header lines */
    size_t target_octets;
};

enum http_parse_result {
    HTTP_PARSE_DONE,
    HTTP_PARSE_MORE, /* it goes on in octets that are not here yet */
    HTTP_PARSE_REFUSED,
};

/* Why a message is not accepted. */
struct http_refusal {
    int status;         /* that a server answers it with */
    const char *detail; /* a sentence, with the clause; static string */
};

/* How the end of the body is found (RFC 9112 6.3). */
enum http_framing {
    HTTP_NO_BODY,
    HTTP_LENGTH,
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE, /* responses only */
};

/* Where looking for the end of a head goes on; begin with {0}. */
struct http_scan {
    size_t seen;  /* octets looked at */
    size_t lines; /* line ends among them */
    size_t line;  /* where the current line begins */
};

struct http_request_head {
    enum http_method method;
    const char *method_text;
    const char *path; /* as in struct http_request */
    const char *query;
    const char *host;      /* of the target where that has one, else of Host */
    const char *scheme;    /* of an absolute target, "http" or "https"; else NULL */
    const char *authority; /* of an absolute target, else NULL */
    unsigned int minor;    /* HTTP/1.minor: 0 or 1 */
    struct http_header *headers;
    size_t header_count;
    enum http_framing framing;
    uint64_t content_length; /* with HTTP_LENGTH */
    bool keep_alive;         /* the client lets the connection go on */
    bool expect_continue;    /* it waits for 100 (RFC 9110 10.1.1) */
};

struct http_response_head {
    int status;
    unsigned int minor;
    const char *reason;
    struct http_header *headers;
    size_t header_count;
    enum http_framing framing;
    uint64_t content_length;
    bool keep_alive;
};

/* Look for the end of a head in `input`, which begins with it and may have grown since
 * the last call with the same `scan`. HTTP_PARSE_DONE: `*length` octets are the head, its
 * empty line included. Refuses at once what can never become a good head (bare LF, a
 * start line or a head that is too long). One empty line before it is skipped for
 * requests (RFC 9112 2.2): it is counted in `*length`. */
enum http_parse_result http_parse_scan(struct http_scan *scan, struct span input,
                                       const struct http_parse_limits *l, size_t *length,
                                       struct http_refusal *no);

/* Read a request's head, exactly the octets that http_parse_scan found. The result lies
 * in the arena. HTTP_PARSE_DONE or HTTP_PARSE_REFUSED. */
enum http_parse_result http_parse_request(struct arena *a, struct span head,
                                          const struct http_parse_limits *l,
                                          struct http_request_head *r,
                                          struct http_refusal *no);

/* Read a response's head; `to` is the method of its request, which decides about the body
 * (RFC 9112 6.3). Interim responses (1xx) are reported like others, without body. */
enum http_parse_result http_parse_response(struct arena *a, struct span head,
                                           const struct http_parse_limits *l,
                                           enum http_method to,
                                           struct http_response_head *r,
                                           struct http_refusal *no);

/* Read a request target in origin form ("/path?query") or "*"; used for HTTP/2's :path
 * too. `target` is cut at the '?' (its octets are changed). False if it is malformed. */
bool http_parse_target(char *target, const char **path, const char **query);

/* Is it host [":" port] (RFC 9110 7.2), not empty? */
bool http_parse_is_authority(const char *text);
