/* Lint: what is to be signed is read again by eyes that did not write it. Only lint_tbs
 * (and its like for other kinds) makes a lint_pass, and only a lint_pass can be signed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"
#include "core/x509/name_constraints.h"

#define LINT_EXTENSIONS_MAX  20 /* extensions of one certificate */
#define LINT_CONSTRAINTS_MAX 12 /* certificates with name constraints above one */

/* What the signer can be asked to sign. */
enum lint_kind {
    LINT_CERTIFICATE,
    LINT_PRECERTIFICATE, /* RFC 6962 3.1 */
    LINT_OCSP_RESPONSE,  /* RFC 6960 */
    LINT_AUDIT_HEAD,
    LINT_RESPONDER_CERTIFICATE,   /* of a delegated responder, RFC 6960 4.2.2.2 */
    LINT_CA_CERTIFICATE,          /* no front can ask for it */
    LINT_REVOCATION_LIST,         /* RFC 5280 5 */
    LINT_ATTESTATION_CERTIFICATE, /* of a TPM's attestation key, WebAuthn 8.3.1 */
    LINT_KIND_COUNT
};

/* Whose rules are kept. */
enum lint_set {
    LINT_SET_RFC5280,
    LINT_SET_BR, /* those of the CA/Browser Forum's Baseline Requirements as well */
};

#define LINT_PATH_ANY (-1) /* any number of CAs may stand below */

/* Who signs, and what that allows. */
struct lint_issuer {
    struct span name;   /* whole Name element */
    struct span key_id; /* content octets */
    enum key_signature signature_kind;
    int64_t not_after;
    struct key *key;    /* public; lives with the issuer */
    int path_length;    /* CAs that may stand below it */
    struct span usages; /* value of its extended key usage; empty: it has none */
    struct name_constraints constraints[LINT_CONSTRAINTS_MAX]; /* its own, and those of
                                                                  CAs above it */
    size_t constraint_count;
};

/* Have the name constraints of a CA above it (certificate, DER) bind the issuer, too.
 * ERR_MALFORMED, ERR_TOO_LARGE. */
MUST_CHECK enum err lint_issuer_bind(struct arena *a, struct span der,
                                     struct lint_issuer *issuer, struct err_info *why);

/* Read an issuing certificate. Spans point into it, the key is the arena's.
 * ERR_MALFORMED, ERR_BAD_PUBLIC_KEY, and ERR_CONFIG if it is no CA's. */
MUST_CHECK enum err lint_issuer_read(struct arena *a, struct span der,
                                     struct lint_issuer *issuer, struct err_info *why);

/* Kinds of names, as bits. */
#define LINT_NAMES_DNS     1U
#define LINT_NAMES_ADDRESS 2U
#define LINT_NAMES_DEVICE  4U  /* PermanentIdentifier, RFC 4043 */
#define LINT_NAMES_MODULE  8U  /* HardwareModuleName, RFC 4108 5 */
#define LINT_NAMES_UUID    16U /* a URI of a random UUID, for a device that is not named */

/* May the certificate ask for OCSP stapling (RFC 7633)? */
enum lint_staple { LINT_STAPLE_NEVER, LINT_STAPLE_ALLOWED, LINT_STAPLE_ALWAYS };

/* What a certificate points to. */
enum lint_point { LINT_POINT_LIST, LINT_POINT_ISSUER, LINT_POINT_OCSP };

/* Are these the URLs of that kind, all and no other, that certificates of the issuer with
 * that key identifier have? */
typedef bool lint_pointers(const void *context, enum lint_point kind, struct span issuer,
                           const struct span *urls, size_t count);

/* A type of keys. */
struct lint_key {
    enum key_type type;
    int bits; /* of RSA; 0: any */
};

/* The name of what certificates of attestation keys are held against; no profile of the
 * settings can have it. */
#define LINT_PROFILE_ATTESTATION ":attestation"

/* What a profile allows, as its signer's own settings say. */
struct lint_profile {
    const char *name;
    enum lint_set set;
    int64_t lifetime; /* longest, in seconds, both ends counted */
    const struct lint_key *keys;
    size_t key_count;
    unsigned int key_usage;    /* bits that may be set, 1 << number (RFC 5280 4.2.1.3) */
    const struct span *usages; /* extended key usage, all of these and no other */
    size_t usage_count;
    const struct span *policies; /* the same of certificate policies */
    size_t policy_count;
    size_t names_most;
    unsigned int name_types;  /* bits LINT_NAMES_ */
    const char *const *names; /* the only DNS names it is for; NULL: any */
    size_t name_count;
    bool common_name;    /* the subject may have one */
    bool device_privacy; /* devices are not named */
    bool no_revocation;  /* it says so (RFC 9608) */
    enum lint_staple staple;
    bool timestamps;         /* certificates have those of logs (RFC 6962) */
    lint_pointers *pointers; /* NULL: they may point anywhere */
    const void *pointers_context;
    bool bounded;         /* these two hold: */
    int64_t begins_back;  /* seconds, that a certificate begins before it is signed */
    int64_t begins_ahead; /* or after it */
};

/* To-be-signed octets that broke no rule. */
struct lint_pass {
    size_t issuer; /* whose certificate it is: index of the issuers */
    struct span tbs;
    struct span serial; /* content octets */
    struct span spki;
    const struct key *key; /* the subject's, out of spki */
    const char *warning;   /* the first rule that warned; NULL: none did */
};

/* What is asked about a certificate. */
struct lint_question {
    enum lint_kind kind; /* one of the certificates */
    enum lint_set set;
    const struct lint_issuer *issuers;
    size_t issuer_count;                /* at least one; of a root, itself */
    const struct lint_profile *profile; /* of certificates and precertificates */
    bool no_profile;  /* that is not known: rules about it are left out */
    int64_t now;      /* when it is signed; seconds */
    bool self_signed; /* a root */
};

/* Read and judge by the one of the issuers that it names. ERR_LINT with "RULE
 * (citation): complaint". The pass lives in the arena. */
MUST_CHECK enum err lint_tbs(struct arena *a, const struct lint_question *question,
                             struct span tbs, const struct lint_pass **pass,
                             struct err_info *why);

/* What was made of a pass: a certificate (DER) of exactly these octets, read and judged
 * again, whose signature its issuer's key verifies. ERR_LINT. */
MUST_CHECK enum err lint_signed(struct arena *a, const struct lint_question *question,
                                const struct lint_pass *pass, struct span certificate,
                                struct err_info *why);

/* A CA certificate: `issuer` NULL is a root, which signs itself. */
MUST_CHECK enum err lint_ca_certificate(struct arena *a, const struct lint_issuer *issuer,
                                        enum lint_set set, int64_t now, struct span tbs,
                                        const struct lint_pass **pass,
                                        struct err_info *why);
