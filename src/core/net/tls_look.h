/* The certificate that a server shows now: connect, shake hands, hang up. It is for who
 * wants to see that a server uses what it was given, so nothing is verified. Blocks. */
#pragma once

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* Which certificates are acceptable: a server with several chooses by what the client can
 * verify (RFC 8446 4.2.3). */
enum tls_look_kind {
    TLS_LOOK_ANY,
    TLS_LOOK_ECDSA,
    TLS_LOOK_RSA,
    TLS_LOOK_ED25519,
};

struct tls_look_request {
    const char *host; /* name or address */
    uint16_t port;
    const char *starttls;    /* a protocol of starttls.h; "": TLS from the start */
    const char *server_name; /* asked for by SNI; an address: none is */
    enum tls_look_kind kind;
    int64_t timeout_ms; /* for everything but the look-up of the host's addresses */
};

/* Look; `certificate` is in DER, in the arena. Of several addresses the first that takes
 * a connection counts. ERR_CONNECTION: nobody answers; ERR_TIMEOUT; ERR_TLS: no TLS, or
 * no certificate of that kind; ERR_DNS: the host has no address. */
MUST_CHECK enum err tls_look(struct arena *a, const struct tls_look_request *r,
                             struct span *certificate, struct err_info *why);
