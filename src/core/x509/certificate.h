/* Certificates (RFC 5280): read as far as we need, carried as PEM (RFC 7468), chains
 * judged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/device_name.h"

#define CERTIFICATE_MAX       (64 * 1024) /* octets of one certificate */
#define CERTIFICATE_CHAIN_MAX 10          /* certificates in one PEM file */

/* A certificate, read strictly; spans point into its octets. */
struct certificate {
    struct span der;
    struct span tbs;     /* the whole TBSCertificate element */
    struct span serial;  /* magnitude */
    struct span issuer;  /* whole Name element */
    struct span subject; /* whole Name element */
    struct span spki;    /* whole SubjectPublicKeyInfo element */
    int64_t not_before;  /* seconds since 1970 */
    int64_t not_after;
    enum key_signature signature_kind;
    struct span signature;
    struct span subject_key_id;   /* content octets, empty if there is none */
    struct span authority_key_id; /* keyIdentifier, empty if there is none */
    bool is_ca;
    int path_length;       /* how many CAs may stand below it; -1: any */
    struct span key_usage; /* values of these extensions, empty if they are not there */
    struct span extended_key_usage;
    struct span name_constraints;
    const char *const *dns_names; /* of the subjectAltName, as written; in the arena */
    size_t dns_name_count;
    const struct span *addresses; /* iPAddress: 4 or 16 octets each; in the arena */
    size_t address_count;
    const struct device_name *devices; /* of the subjectAltName; in the arena */
    size_t device_count;
};

/* Read one certificate: strict DER, version 3, nothing behind it. ERR_MALFORMED. */
MUST_CHECK enum err certificate_read(struct arena *a, struct span der,
                                     struct certificate **certificate,
                                     struct err_info *why);

/* The same of what is to be signed: a TBSCertificate, so `der` and `signature` are empty.
 */
MUST_CHECK enum err certificate_read_tbs(struct arena *a, struct span tbs,
                                         struct certificate **certificate,
                                         struct err_info *why);

/* Append as PEM, with 64 characters a line (RFC 7468). */
void certificate_pem_add(struct buf *b, struct span der);

/* All certificates of a PEM text in their order; text between them is passed over.
 * ERR_MALFORMED: none, more than `max`, or bad base64. */
MUST_CHECK enum err certificate_from_pem(struct arena *a, struct span pem,
                                         struct span *ders, size_t max, size_t *count,
                                         struct err_info *why);

/* Does `roots` (PEM) vouch for chain[0] by way of the rest, at the time `now`, for TLS
 * servers? With `host`, the leaf must also be for that name. By OpenSSL. ERR_UNAUTHORIZED
 * with its reason. */
MUST_CHECK enum err certificate_check_chain(const struct span *chain, size_t count,
                                            struct span roots, const char *host,
                                            int64_t now, struct err_info *why);

/* Does `roots` (PEM) vouch for chain[0], whatever it is for, by way of a path through
 * others of the chain in any order, at the time `now` (RFC 5280 6.1)? All of them in
 * time, issuers with cA (and keyCertSign, if there is a key usage) and path lengths, no
 * unknown critical extension, no SHA-1 and no RSA of less than 2048 bits. A root in the
 * chain is harmless, and not trusted for being there. By OpenSSL. ERR_UNAUTHORIZED with
 * its reason. */
MUST_CHECK enum err certificate_check_path(const struct span *chain, size_t count,
                                           struct span roots, int64_t now,
                                           struct err_info *why);

/* Does one of `anchors` (PEM), each of which ends a chain whether it is a root or not,
 * vouch for chain[0] by way of the rest, at the time `now`, for any purpose? By OpenSSL.
 * ERR_UNAUTHORIZED with its reason. */
MUST_CHECK enum err certificate_check_anchored(const struct span *chain, size_t count,
                                               struct span anchors, int64_t now,
                                               struct err_info *why);
