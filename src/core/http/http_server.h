/* An HTTP/1.1 and HTTP/2 server: I/O threads that own the connections, hand over whole
 * requests, and take replies from any thread.
 *
 * A request names its connection by thread, slot and generation, so that a reply for a
 * connection that is gone meanwhile is dropped and nothing else. The server adds Date,
 * Content-Length and Connection; methods, paths and everything above them are not its
 * business. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/http/http_message.h"
#include "core/net/tls.h"

struct http_server_limits {
#define HTTP_SERVER_LIMIT(name, value, comment) int64_t name;
#include "core/http/http_server_limits.def"
#undef HTTP_SERVER_LIMIT
};

/* The defaults, as in http_server_limits.def. */
struct http_server_limits http_server_limits_default(void);

struct http_server_callbacks {
    void *context;

    /* A whole request, on its I/O thread: must not block. The request is handed over; it
     * ends with http_server_reply, by any thread, exactly once. */
    void (*on_request)(void *context, struct http_request *request);

    /* Octets that the body of a request to this path may have, where that is more than
     * limits.body_octets; the path is as sent, without its query. On an I/O thread: must
     * not block. NULL: no path is special. */
    int64_t (*body_limit)(void *context, const char *path);

    /* Word the answer to what the server refuses by itself (400, 408, 413, 414, 417, 431,
     * 501, 505, 503): fill body (in the arena) and headers; the status is set. On an I/O
     * thread. NULL: a line of plain text. */
    void (*on_refusal)(void *context, struct arena *arena, int status, const char *detail,
                       struct http_reply *reply);
};

struct http_server;

/* A server with its I/O threads running and no listener. `limits` NULL: the defaults.
 * Free with http_server_free. ERR_IO. */
MUST_CHECK enum err http_server_new(const struct http_server_limits *limits,
                                    const struct http_server_callbacks *callbacks,
                                    struct http_server **s, struct err_info *why);

/* The TLS context for connections from now on; the server takes its own reference. Any
 * thread; this is how a certificate is replaced. */
void http_server_set_tls(struct http_server *s, struct tls_context *c);

/* Accept connections at a listening socket (socket_listen or socket_adopt_listener),
 * which the server owns from now on. With `tls`, http_server_set_tls must have been
 * called before; without it, plain HTTP/1.1 is spoken. */
void http_server_listen(struct http_server *s, int fd, bool tls);

/* Answer a request; any thread, exactly once for each. The reply is copied (not what it
 * points to, which lives in the request's arena or for ever); the request and its arena
 * are gone for the caller when this returns. */
void http_server_reply(struct http_server *s, struct http_request *request,
                       const struct http_reply *reply);

/* Close the listeners; connections go on. */
void http_server_stop_accepting(struct http_server *s);

/* Stop accepting, close idle connections, tell the others (GOAWAY, Connection: close) and
 * wait until requests in flight are answered and written, `milliseconds` at most; what is
 * left then is closed. Not on an I/O thread. True if nothing had to be cut off. */
bool http_server_drain(struct http_server *s, int64_t milliseconds);

/* Close everything, end the threads and free the server. Requests that were handed over
 * must have been answered before. NULL is fine. */
void http_server_free(struct http_server *s);

/* Counters since the start, for metrics; a snapshot. */
struct http_server_counts {
#define HTTP_SERVER_COUNT(name, comment) uint64_t name;
#include "core/http/http_server_counts.def"
#undef HTTP_SERVER_COUNT
};
struct http_server_counts http_server_counts(struct http_server *s);
