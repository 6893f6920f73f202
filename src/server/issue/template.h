/* To-be-signed certificates, written from templates: no X509 objects, some microseconds
 * each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/device_name.h"
#include "core/x509/name_constraints.h"
#include "server/issue/serial.h"

#define TEMPLATE_TBS_MAX     (48 * 1024) /* octets */
#define TEMPLATE_KEY_ID_MAX  32          /* of an issuer made elsewhere */
#define TEMPLATE_KEY_ID_SIZE 20          /* octets of a key identifier, RFC 7093 2 (1) */

/* Who signs: what a certificate takes from its issuer. */
struct template_issuer {
    struct span name;   /* whole Name element of the issuer's subject */
    struct span key_id; /* its subject key identifier, content octets */
    enum key_signature signature_kind;
    int64_t not_before; /* no certificate begins before its issuer */
    int64_t not_after;  /* or outlives it */
};

/* Bits of a KeyUsage, most significant first (RFC 5280 4.2.1.3). */
#define TEMPLATE_USAGE_DIGITAL_SIGNATURE  0x80
#define TEMPLATE_USAGE_CONTENT_COMMITMENT 0x40
#define TEMPLATE_USAGE_KEY_ENCIPHERMENT   0x20
#define TEMPLATE_USAGE_DATA_ENCIPHERMENT  0x10
#define TEMPLATE_USAGE_KEY_AGREEMENT      0x08
#define TEMPLATE_USAGE_CERT_SIGN          0x04
#define TEMPLATE_USAGE_CRL_SIGN           0x02

/* A list of OBJECT IDENTIFIERs, as content octets. */
struct template_oids {
    const struct span *list;
    size_t count;
};

/* A list of URLs (ASCII). */
struct template_urls {
    const char *const *list;
    size_t count;
};

/* An end entity's certificate (RFC 5280; for TLS servers Baseline Requirements 7.1.2.7).
 * What is empty is left out. */
struct template_leaf {
    uint8_t serial[SERIAL_SIZE];
    int64_t not_before;      /* seconds */
    int64_t not_after;       /* seconds, the last one that is valid */
    const char *common_name; /* NULL: the subject is empty, and subjectAltName critical */
    struct span spki;
    bool without_key_id; /* no subject key identifier (Baseline Requirements 7.1.2.7.6) */
    uint8_t key_usage;   /* TEMPLATE_USAGE_ bits; 0: digitalSignature, and keyEncipherment
                            for RSA */
    enum key_type key_type;
    struct template_oids usages; /* extended key usage, at least one */
    bool usages_critical;        /* as RFC 3161 2.3 wants it of time stamping */
    const char *const *dns_names;
    size_t dns_name_count;
    const struct span *addresses; /* 4 or 16 octets each */
    size_t address_count;
    struct span general_names; /* names of other kinds (GeneralName, DER, one behind the
                                  other), in front of these */
    const struct device_name *devices; /* otherName */
    size_t device_count;
    const char *uri; /* of the subjectAltName, where nothing else is in it; NULL: none */
    struct template_oids policies;
    struct template_urls ocsp_urls;   /* authority information access */
    struct template_urls issuer_urls; /* the same: where the issuer's certificate is */
    struct template_urls crl_urls;    /* one distribution point with all of them */
    bool must_staple;                 /* RFC 7633, of OCSP answers */
    bool no_rev_avail;                /* RFC 9608: nothing is known of revocations */
    bool no_check;    /* of an OCSP responder, RFC 6960 4.2.2.2.1; without names */
    bool poison;      /* a precertificate, RFC 6962 3.1; in the place of scts */
    struct span scts; /* whole SignedCertificateTimestampList (RFC 6962 3.3) */
};

/* Write the TBSCertificate of a leaf into the arena: names, key usage, extended key
 * usage, basic constraints, key identifiers, and what else the leaf has. With the same
 * leaf, a precertificate differs from its certificate in the place of `scts` only.
 * ERR_TOO_LARGE.
 */
MUST_CHECK enum err template_leaf_write(struct arena *a,
                                        const struct template_issuer *issuer,
                                        const struct template_leaf *leaf,
                                        struct span *tbs, struct err_info *why);

/* A subject; what is NULL is left out. */
struct template_name {
    const char *country; /* two letters (ISO 3166-1) */
    const char *organization;
    const char *common_name;
};

/* A CA certificate (RFC 5280; Baseline Requirements 7.1.2.1 for roots, 7.1.2.6). What is
 * empty is left out. */
struct template_ca {
    uint8_t serial[SERIAL_SIZE];
    struct span subject; /* whole Name element, as template_name_write makes it */
    int64_t not_before;
    int64_t not_after;
    int path_length; /* how many CAs may stand below it; -1: any */
    struct span spki;
    struct span key_id; /* its subject key identifier; empty: template_key_id */
    struct template_oids usages;
    struct template_oids policies;
    struct template_urls ocsp_urls;
    struct template_urls issuer_urls;
    struct template_urls crl_urls;
    const struct name_constraints *constraints; /* NULL: none */
};

/* The Name element of a subject, in the arena: country, organization, common name, as
 * Baseline Requirements 7.1.4.1 orders them. ERR_TOO_LARGE. */
MUST_CHECK enum err template_name_write(struct arena *a, const struct template_name *name,
                                        struct span *element, struct err_info *why);

/* The Extensions element of a request for a CA certificate: basic constraints and key
 * usage. */
struct span template_ca_request(struct arena *a, int path_length);

/* As above for a CA. `issuer` NULL makes a self-signed one of `signature_kind`. */
MUST_CHECK enum err template_ca_write(struct arena *a,
                                      const struct template_issuer *issuer,
                                      enum key_signature signature_kind,
                                      const struct template_ca *ca, struct span *tbs,
                                      struct err_info *why);

/* A certificate nobody else vouches for, of a TLS server that is a client too: what
 * counts is its key, so it has no end (RFC 5280 4.1.2.5). `key_kind` is how the key
 * signs. */
MUST_CHECK enum err template_self_write(struct arena *a, const char *common_name,
                                        int64_t not_before, struct span spki,
                                        enum key_signature key_kind, struct span *tbs,
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
