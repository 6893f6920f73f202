/* What tls*.c share. */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "core/net/tls.h"

#define TLS_ALPN_WIRE_MAX 64 /* octets of a protocol list on the wire */

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *bio; /* reads and writes a descriptor without raising SIGPIPE */
    atomic_uint references;
    unsigned char alpn[TLS_ALPN_WIRE_MAX]; /* RFC 7301 3.1 */
    unsigned int alpn_len;
    bool unverified;
    struct tls_context *(*choose)(void *argument, const char *server_name);
    void *choose_argument;
};

struct tls_connection {
    SSL *ssl;
    struct tls_context *context; /* a reference */
    struct tls_context *chosen;  /* another one, picked by name; a reference or NULL */
};

/* A new BIO method for descriptors (tls_connection.c); NULL if OpenSSL has no memory. */
BIO_METHOD *tls_connection_bio_new(void);
