/* Between http_parse.c (start lines) and http_parse_head.c (header fields). */
#pragma once

#include "core/http/http_parse.h"

#define HTTP_PARSE_LINE_EXTRA 64 /* octets of a request line beside its target */

/* What the header fields say about the message itself. */
struct http_parse_facts {
    size_t host_count;
    size_t host_at;
    size_t length_count;
    uint64_t length;
    bool length_bad;
    size_t coding_count;
    bool coding_is_chunked;
    bool close;
    bool keep_alive;
    bool expects;
    bool expects_continue;
};

/* Fill `no`; HTTP_PARSE_REFUSED. */
enum http_parse_result http_parse_refuse(struct http_refusal *no, int status,
                                         const char *detail);

/* One or more tchar (RFC 9110 5.6.2)? */
bool http_parse_is_token(struct span s);

/* Cut the next line off; without its CRLF. False if there is none. */
bool http_parse_line(struct span *rest, struct span *line);

/* Read the header lines up to the empty one. */
enum http_parse_result http_parse_headers(struct arena *a, struct span rest,
                                          const struct http_parse_limits *l,
                                          struct http_header **headers, size_t *count,
                                          struct http_parse_facts *facts,
                                          struct http_refusal *no);

/* Decide host, framing and persistence. */
enum http_parse_result http_parse_judge_request(struct http_request_head *r,
                                                const struct http_parse_facts *facts,
                                                struct http_refusal *no);
enum http_parse_result http_parse_judge_response(enum http_method to,
                                                 struct http_response_head *r,
                                                 const struct http_parse_facts *facts,
                                                 struct http_refusal *no);
