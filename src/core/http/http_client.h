/* HTTPS requests of a client, one after the other over a connection that is kept
 * (libcurl). Not for several threads at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define HTTP_CLIENT_BODY_MAX   (1024 * 1024) /* octets of a response */
#define HTTP_CLIENT_TIMEOUT_MS 60000         /* for a whole request */
#define HTTP_CLIENT_DIAL_MS    15000         /* for the connection */

struct http_client;

/* A response; in the arena of the request. Header values are NULL where missing. */
struct http_client_response {
    int status;
    struct span body;
    const char *content_type;
    const char *location;
    const char *replay_nonce;
    const char *retry_after;
    const char *date;
    const char *const *links; /* values of Link headers */
    size_t link_count;
};

/* A client that trusts the certificates in `roots` (PEM, copied), or the system's if that
 * is empty. Free with http_client_free. ERR_INTERNAL. */
MUST_CHECK enum err http_client_new(struct span roots, const char *user_agent,
                                    struct http_client **c, struct err_info *why);

/* NULL is fine. */
void http_client_free(struct http_client *c);

/* A request that asks for more than http_client_do does. */
struct http_client_request {
    const char *method;
    const char *url;
    const char *content_type; /* NULL: no body */
    struct span body;
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    const char *login;          /* "USER:PASSWORD" for HTTP's basic method; NULL: none */
    bool allows_http;           /* without TLS, too */
    int64_t timeout_ms;         /* 0: HTTP_CLIENT_TIMEOUT_MS */
};

/* Do it and wait for the response, as http_client_do. */
MUST_CHECK enum err http_client_send(struct http_client *c, struct arena *a,
                                     const struct http_client_request *request,
                                     struct http_client_response *response,
                                     struct err_info *why);

/* Do a request and wait for its response; only https URLs, no redirects. `body` with
 * `content_type` NULL: none. ERR_NETWORK with a sentence that names the host: not
 * reached, no answer; ERR_TLS: not trusted; ERR_PROTOCOL: too large. ERR_INTERRUPTED when
 * a signal came that is watched for. */
MUST_CHECK enum err http_client_do(struct http_client *c, struct arena *a,
                                   const char *method, const char *url,
                                   const char *content_type, struct span body,
                                   struct http_client_response *response,
                                   struct err_info *why);
