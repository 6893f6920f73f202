/* GET for validators: many at once on an event loop (libcurl), to an address that was
 * chosen and checked before. Nothing is followed, kept, cached or sent through a proxy;
 * TLS certificates are not verified, because the answer proves itself (RFC 8555 8.3).
 * And POST to servers that are known by their names: these are verified, and asked again
 * through the same connection. Belongs to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/http/url.h"
#include "core/net/loop.h"

#define HTTP_FETCH_HEAD_MAX (32 * 1024) /* octets of a response's headers */

struct http_fetch_request {
    const struct url *url;
    const char *host;   /* of the Host header; NULL: as the URL has it */
    struct address to;  /* and port: where to connect, whatever the URL says */
    size_t body_max;    /* octets kept of the body */
    int64_t dial_ms;    /* for the connection; at least 1 is taken */
    int64_t timeout_ms; /* for everything; at least 1 is taken */
    const char *user_agent;
    struct span json;  /* is posted; empty: GET */
    struct span trust; /* root certificates (PEM) that verify the server; empty: it is not
                          verified, and its connection not kept */
};

/* What came of it; valid during the callback. */
struct http_fetch_result {
    enum err code;      /* ERR_OK: there is a response; else ERR_CONNECTION or ERR_TLS */
    bool dialled;       /* the connection was made */
    const char *detail; /* what went wrong, a phrase */
    int status;         /* of the response */
    const char *location; /* its Location header, or NULL */
    struct span body;     /* its beginning */
    bool cut;             /* the body is longer than body_max */
};

struct http_fetcher;
struct http_fetch;

/* A fetcher on that loop. Opens all it needs at once, so that the process can give up its
 * rights afterwards. Free with http_fetcher_free. ERR_INTERNAL. */
MUST_CHECK enum err http_fetcher_new(struct loop *loop, struct http_fetcher **f,
                                     struct err_info *why);

/* No fetch may be under way. NULL is fine. */
void http_fetcher_free(struct http_fetcher *f);

/* Begin; `done` is called once, from the loop. The request is only read. */
struct http_fetch *
http_fetch_start(struct http_fetcher *f, const struct http_fetch_request *request,
                 void (*done)(void *argument, const struct http_fetch_result *result),
                 void *argument);

/* The file with the root certificates of the system, as libcurl was built; NULL if it
 * knows none. */
const char *http_fetch_system_roots(void);

/* Give up a fetch whose callback has not come. */
void http_fetch_cancel(struct http_fetch *fetch);
