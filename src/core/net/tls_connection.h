/* One TLS connection over a non-blocking descriptor, which stays the caller's. It keeps
 * no buffers while it is idle. Belongs to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/tls.h"

struct tls_connection;

enum tls_result {
    TLS_DONE,
    TLS_WANT_READ,  /* call again when the descriptor is readable */
    TLS_WANT_WRITE, /* call again when the descriptor is writable */
    TLS_CLOSED,     /* the peer ended it properly (close_notify) */
    TLS_FAILED,     /* broken: only tls_connection_free is left; `why` says more */
};

/* The server's end. The connection holds a reference to the context. */
struct tls_connection *tls_connection_accept(struct tls_context *c, int fd);

/* The client's end. `host` is sent as SNI unless it is an address, and the certificate
 * must be for it (RFC 6125; an address: iPAddress), unless the context checks nothing. A
 * context with pins looks at the key alone, and sends no SNI. */
MUST_CHECK enum err tls_connection_connect(struct tls_context *c, int fd,
                                           const char *host, struct tls_connection **t,
                                           struct err_info *why);

/* NULL is fine. Sends nothing. */
void tls_connection_free(struct tls_connection *t);

/* Go on with the handshake. */
enum tls_result tls_connection_handshake(struct tls_connection *t, struct err_info *why);

/* Read at most `room` octets, at least one on TLS_DONE. */
enum tls_result tls_connection_read(struct tls_connection *t, void *to, size_t room,
                                    size_t *len, struct err_info *why);

/* Write some of `data`; on TLS_DONE `len` (at least one) octets are on their way. After
 * TLS_WANT_* call again with the same octets (they may have moved). */
enum tls_result tls_connection_write(struct tls_connection *t, struct span data,
                                     size_t *len, struct err_info *why);

/* Octets lie in the connection that the descriptor does not announce: read again before
 * waiting. */
bool tls_connection_has_pending(const struct tls_connection *t);

/* Say close_notify (RFC 8446 6.1), as far as the descriptor takes it now. */
void tls_connection_end(struct tls_connection *t);

/* Was this protocol agreed by ALPN? */
bool tls_connection_alpn_is(const struct tls_connection *t, const char *protocol);

/* What was agreed by ALPN, empty if nothing; lives as long as the connection. */
struct span tls_connection_alpn(const struct tls_connection *t);

/* The fatal alert by which the peer broke the connection (RFC 8446 6), or -1; and its
 * name, static. */
int tls_connection_alert(const struct tls_connection *t);
const char *tls_connection_alert_name(int alert);

/* Did the connection end without an alert? */
bool tls_connection_is_cut(const struct tls_connection *t);

/* "TLSv1.3", and the suite's name; static strings, valid after the handshake. */
const char *tls_connection_version(const struct tls_connection *t);
const char *tls_connection_suite(const struct tls_connection *t);

/* Did the handshake resume an earlier session? */
bool tls_connection_is_resumed(const struct tls_connection *t);

/* The pin of the peer's key (TLS_PIN_SIZE octets), of a context with pins; valid as long
 * as the connection, after the handshake. */
const uint8_t *tls_connection_pin(const struct tls_connection *t);

/* The peer's certificate in DER, in the arena; empty if it sent none. */
struct span tls_connection_peer_certificate(const struct tls_connection *t,
                                            struct arena *a);

/* How many certificates the peer sent; at the client's end only. */
size_t tls_connection_peer_certificate_count(const struct tls_connection *t);
