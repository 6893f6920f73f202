/* Certificate requests, PKCS #10 (RFC 2986): read strictly, and made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/device_name.h"

#define CSR_MAX       (64 * 1024) /* octets of a request */
#define CSR_NAMES_MAX 1000        /* names, and addresses, in one request */

/* A request that was read whole and whose signature proves possession of its key; only
 * csr_read makes one. Everything lives in the arena. */
struct csr_checked {
    struct span der;
    struct key *key;
    struct span subject;          /* whole Name element */
    const char *common_name;      /* lower-cased; NULL if there is none */
    const char *common_name_sent; /* the same as it came */
    const char *const
        *dns_names; /* dNSName of the subjectAltName, lower-cased, as sent */
    size_t dns_name_count;
    const struct span
        *addresses; /* iPAddress of the subjectAltName: 4 or 16 octets each */
    size_t address_count;
    const struct device_name *devices; /* otherName of the subjectAltName that name
                                          devices; in the arena or the octets read */
    size_t device_count;
    bool has_other_names; /* any other kind of subjectAltName, such as e-mail or URI */
    bool must_staple;     /* TLS feature extension (RFC 7633) */
};

/* Read a request: strict DER, nothing behind it, version 0, a supported key, a good
 * signature that is not SHA-1 or MD5. ERR_MALFORMED if it is no such structure at all,
 * ERR_BAD_CSR if it is one that is not acceptable, with the reason. */
MUST_CHECK enum err csr_read(struct arena *a, struct span der,
                             const struct csr_checked **csr, struct err_info *why);

/* What a request is for: DNS names, addresses of 4 or 16 octets, names of devices; and
 * whether the certificate is to say that it comes with an OCSP answer (RFC 7633). */
struct csr_names {
    const char *const *dns;
    size_t dns_count;
    const struct span *addresses;
    size_t address_count;
    const struct device_name *devices;
    size_t device_count;
    bool must_staple;
};

/* Append a DER request of `key` for a subject (whole Name element) with these extensions
 * (whole Extensions element; empty: none). ERR_TOO_LARGE. */
MUST_CHECK enum err csr_make_with(struct buf *b, const struct key *key,
                                  struct span subject, struct span extensions,
                                  struct err_info *why);

/* Append as PEM (RFC 7468 7), and read the first one of a text. ERR_MALFORMED. */
void csr_pem_add(struct buf *b, struct span der);
MUST_CHECK enum err csr_from_pem(struct arena *a, struct span pem, struct span *der,
                                 struct err_info *why);

/* Append a DER request of `key` for these names, with an empty subject; without any, it
 * has no extension at all. ERR_TOO_LARGE. */
MUST_CHECK enum err csr_make(struct buf *b, const struct key *key,
                             const struct csr_names *names, struct err_info *why);
