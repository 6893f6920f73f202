/* PKCS #12 (RFC 7292): key, certificate and chain in one file, for programs that take
 * nothing else. */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define PKCS12_MAX (512 * 1024) /* octets of one file */

struct pkcs12_content {
    struct span key_pem;   /* unencrypted private key, of the first certificate */
    struct span chain_pem; /* that certificate, then the ones above it */
    const char *password;  /* UTF-8; "": the file protects nothing */
    const char *name;      /* what key and certificate are called in it (friendlyName) */
};

/* Append the file: key and certificates with AES-256-CBC under PBKDF2 with HMAC-SHA-256
 * (RFC 8018), the whole under a MAC with SHA-256. Whoever keeps secrets wipes the buffer.
 * ERR_CRYPTO: the key cannot be read, or is not that of the first certificate;
 * ERR_MALFORMED: of the chain. */
MUST_CHECK enum err pkcs12_write(struct buf *b, const struct pkcs12_content *content,
                                 struct err_info *why);
