/* To-be-signed certificates, written from templates: no X509 objects, some microseconds
 * each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "server/issue/serial.h"

#define TEMPLATE_TBS_MAX     (48 * 1024) /* octets */
#define TEMPLATE_KEY_ID_SIZE 20          /* octets of a key identifier, RFC 7093 2 (1) */

/* Who signs: what a certificate takes from its issuer. */
struct template_issuer {
    struct span name;   /* whole Name element of the issuer's subject */
    struct span key_id; /* its subject key identifier, content octets */
    enum key_signature signature_kind;
    int64_t not_before; /* no certificate begins before its issuer */
    int64_t not_after;  /* or outlives it */
};

/* A TLS server certificate (RFC 5280; Baseline Requirements 7.1.2.7). */
struct template_leaf {
    uint8_t serial[SERIAL_SIZE];
    int64_t not_before; /* seconds */
    int64_t not_after;  /* seconds, the last one that is valid */
    const char *const *dns_names;
    size_t dns_name_count;
    struct span spki;
    enum key_type key_type;
};

/* Write the TBSCertificate of a leaf into the arena: empty subject, critical
 * subjectAltName, key usage, server authentication, basic constraints, key identifiers,
 * domain-validated policy. ERR_TOO_LARGE. */
MUST_CHECK enum err template_leaf_write(struct arena *a,
                                        const struct template_issuer *issuer,
                                        const struct template_leaf *leaf,
                                        struct span *tbs, struct err_info *why);

/* A CA certificate: common name, validity, and how many CAs may stand below it (-1: any).
 */
struct template_ca {
    uint8_t serial[SERIAL_SIZE];
    const char *common_name;
    int64_t not_before;
    int64_t not_after;
    int path_length;
    struct span spki;
};

/* As above for a CA. `issuer` NULL makes a self-signed one of `signature_kind`. */
MUST_CHECK enum err template_ca_write(struct arena *a,
                                      const struct template_issuer *issuer,
                                      enum key_signature signature_kind,
                                      const struct template_ca *ca, struct span *tbs,
                                      struct err_info *why);

/* Put tbs, algorithm and signature together: a certificate in the arena. */
struct span template_assemble(struct arena *a, struct span tbs, enum key_signature kind,
                              struct span signature);

/* Key identifier of a public key: the first 160 bits of SHA-256 of its bits (RFC 7093 2
 * (1)). */
void template_key_id(struct span spki, uint8_t key_id[TEMPLATE_KEY_ID_SIZE]);

/* The issuer's part from its certificate (DER). ERR_CONFIG if it is no CA or has no key
 * id. */
MUST_CHECK enum err template_issuer_read(struct arena *a, struct span certificate,
                                         struct template_issuer *issuer,
                                         struct err_info *why);
