/* TLS settings shared by connections: certificate, key, trust, ALPN (RFC 8446, RFC 5246,
 * RFC 7301). Versions 1.2 and 1.3, AEAD suites with ephemeral keys, X25519 and P-256, no
 * compression, no renegotiation. A context never changes; to reload, make another and
 * replace it: connections keep the one they began with. OpenSSL stays inside tls*.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"

#define TLS_ALPN_H2         "h2"
#define TLS_ALPN_HTTP_1_1   "http/1.1"
#define TLS_ALPN_HTTP_1_0   "http/1.0"
#define TLS_ALPN_ACME_TLS_1 "acme-tls/1" /* RFC 8737 6.2 */

#define TLS_ALPN_MAX 4 /* protocols in one context */

#define TLS_PIN_SIZE 32 /* octets: SHA-256 of a SubjectPublicKeyInfo */
#define TLS_PINS_MAX 8  /* in one context */

/* The keys one of which the peer must have, whatever its certificate says besides: no
 * names, no times, nobody who vouches for it. Such contexts speak TLS 1.3 only, without
 * session tickets, so that each connection proves its key anew. */
struct tls_pins {
    const uint8_t (*sha256)[TLS_PIN_SIZE]; /* only read */
    size_t count;                          /* 0: no pins */
};

struct tls_context;

struct tls_server_options {
    struct span chain_pem; /* certificate first, then the ones above it; empty only with
                              `only_chosen` */
    struct span key_pem;   /* unencrypted private key of the first certificate */
    const char
        *alpn[TLS_ALPN_MAX];     /* most wanted first; NULL behind the last. A client
                                    that offers only others is refused. None: no ALPN */
    struct span client_ca_pem;   /* ask clients for a certificate under one of these
                                    and refuse all others; empty: do not ask */
    struct tls_pins client_pins; /* the same by keys; then without client_ca_pem */

    /* Pick another context for the name that the client asks for (SNI; NULL if none):
     * returns a reference that is then given back, or NULL to stay with this one. May be
     * NULL; called on the connections' threads. */
    struct tls_context *(*choose)(void *argument, const char *server_name);
    void *choose_argument; /* not owned */

    /* There is nothing for who comes without being expected (RFC 8737 3, 5): who offers
     * no protocol of `alpn`, or none at all, is refused with no_application_protocol, and
     * a name that `choose` does not know with unrecognized_name. No session is resumed.
     */
    bool only_chosen;
};

struct tls_client_options {
    const char *ca_file;            /* trust the certificates in this PEM file, or NULL */
    struct span ca_pem;             /* and these; both empty: the system's */
    bool unverified;                /* do not verify the server: only for tls-alpn-01 (RFC
                                       8737 3), whose caller looks at the certificate */
    const char *alpn[TLS_ALPN_MAX]; /* offered, most wanted first; NULL behind the last */
    struct span chain_pem;          /* own certificate for mutual TLS; empty: none */
    struct span key_pem;            /* and its key */
    struct tls_pins pins;           /* trust these keys, and nobody else */
};

/* A context for servers or clients with one reference, which is the caller's. The options
 * are only read. ERR_CONFIG with what is wrong about certificate, key or CA;
 * ERR_CRYPTO. */
MUST_CHECK enum err tls_context_server(const struct tls_server_options *o,
                                       struct tls_context **c, struct err_info *why);
MUST_CHECK enum err tls_context_client(const struct tls_client_options *o,
                                       struct tls_context **c, struct err_info *why);

/* One more, one less reference; any thread. The last one frees. NULL is fine. */
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);
