/* TLS handshakes with strangers, many at once on an event loop: connect to an address
 * that was chosen and checked before, shake hands, tell what was seen, hang up. No data
 * is sent, nothing is resumed, and no certificate is verified: whoever asks looks at it
 * (RFC 8737 3). TLS 1.2 and 1.3. Belongs to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/address.h"
#include "core/net/loop.h"

#define TLS_PROBE_CHAIN_MAX  (32 * 1024) /* octets of all certificates of a server */
#define TLS_PROBE_DETAIL_MAX 256         /* octets of a phrase, its NUL included */

struct tls_probe_request {
    struct address to;       /* and port */
    const char *server_name; /* asked for by SNI (RFC 6066 3) */
    int64_t dial_ms;         /* for the connection; at least 1 is taken */
    int64_t timeout_ms;      /* for everything; at least 1 is taken */
};

/* What came of it; valid during the callback. */
struct tls_probe_result {
    enum err code;           /* ERR_OK: hands were shaken; else ERR_CONNECTION: nobody
                                answered, or not to the end; ERR_TLS: no TLS that we speak */
    bool dialled;            /* the connection was made */
    const char *detail;      /* what went wrong, a phrase, safe to print */
    int alert;               /* by which the server refused (RFC 8446 6.2), or -1 */
    const char *version;     /* "TLSv1.3" */
    struct span protocol;    /* agreed by ALPN; empty if none was */
    struct span certificate; /* the server's own, in DER; empty if it sent none */
    size_t certificate_count;
};

struct tls_prober;
struct tls_probe;

/* A prober on that loop that offers this one protocol by ALPN. Opens all it needs at
 * once, so that the process can give up its rights afterwards. Free with tls_prober_free.
 * ERR_CRYPTO. */
MUST_CHECK enum err tls_prober_new(struct loop *loop, const char *protocol,
                                   struct tls_prober **p, struct err_info *why);

/* No probe may be under way. NULL is fine. */
void tls_prober_free(struct tls_prober *p);

/* Begin; `done` is called once, from the loop. The request is only read. */
struct tls_probe *
tls_probe_start(struct tls_prober *p, const struct tls_probe_request *request,
                void (*done)(void *argument, const struct tls_probe_result *result),
                void *argument);

/* Give up a probe whose callback has not come. */
void tls_probe_cancel(struct tls_probe *probe);
