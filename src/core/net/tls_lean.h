/* OpenSSL without what a TLS handshake does not need. To read the key of a certificate,
 * it looks at all kinds of keys and all decoders of all formats that it has, which takes
 * longer than to verify a signature. This offers it a few. */
#pragma once

#include <openssl/types.h>

struct tls_lean;

/* A library context whose only provider has what OpenSSL's default one has, but of kinds
 * of keys only those that servers have in TLS, and of decoders only those of public keys
 * in certificates. Free with tls_lean_free. NULL if OpenSSL does not let us; then its
 * usual context will do. The first call must not meet another. */
struct tls_lean *tls_lean_new(void);

/* For functions that take one; it lives as long. NULL, the usual one, for NULL. */
OSSL_LIB_CTX *tls_lean_context(const struct tls_lean *l);

/* Whatever was made in it must be gone. NULL is fine. */
void tls_lean_free(struct tls_lean *l);
