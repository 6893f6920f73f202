/* What tls*.c share. */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "core/net/tls.h"

#define TLS_ALPN_WIRE_MAX 64 /* octets of a protocol list on the wire */

struct tls_context {
    SSL_CTX *ssl;
    struct tls_lean *lean; /* what it was made in; NULL: the usual context */
    BIO_METHOD *bio;       /* reads and writes a descriptor without raising SIGPIPE */
    atomic_uint references;
    unsigned char alpn[TLS_ALPN_WIRE_MAX]; /* RFC 7301 3.1 */
    unsigned int alpn_len;
    bool unverified;
    uint8_t pins[TLS_PINS_MAX][TLS_PIN_SIZE];
    size_t pin_count;
    struct tls_context *(*choose)(void *argument, const char *server_name);
    void *choose_argument;
    bool only_chosen;
};

struct tls_connection {
    SSL *ssl;
    struct tls_context *context; /* a reference */
    struct tls_context *chosen;  /* another one, picked by name; a reference or NULL */
    unsigned long error;         /* OpenSSL's first, of what broke the connection */
    uint8_t pin[TLS_PIN_SIZE];   /* what the peer showed, of a context with pins */
    bool pin_is_wrong;
};

/* A new BIO method for descriptors (tls_connection.c); NULL if OpenSSL has no memory. */
BIO_METHOD *tls_connection_bio_new(void);
