/* The certificates of CAs: roots, intermediates, requests for them, cross-signs. Made of
 * keys that somebody else has, be they in files or in tokens. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"
#include "core/x509/certificate.h"
#include "server/issue/template.h"
#include "server/lint/lint.h"

#define HIERARCHY_ROOT_DAYS         3650 /* Baseline Requirements 7.1.2.1: 2922 to 9132 */
#define HIERARCHY_INTERMEDIATE_DAYS 1825
#define HIERARCHY_KEY_TYPES                                                              \
    "p256, p384, rsa2048, rsa3072, rsa4096, ed25519, mldsa44, mldsa65 or mldsa87"

/* A new key of a type by its word, one of HIERARCHY_KEY_TYPES. ERR_USAGE, ERR_CRYPTO. */
MUST_CHECK enum err hierarchy_key_make(const char *type, struct key **key,
                                       struct err_info *why);

/* What such a word says; `bits` of RSA only. ERR_USAGE. */
MUST_CHECK enum err hierarchy_key_type(const char *type, enum key_type *kind, int *bits,
                                       struct err_info *why);

/* "ECDSA P-384", "RSA 2048", "Ed25519", "ML-DSA-65"; in the arena. */
const char *hierarchy_key_text(struct arena *a, const struct key *key);

/* What a CA's certificate is to say. */
struct hierarchy_wish {
    struct span subject; /* whole Name element */
    int64_t now;         /* seconds */
    int64_t days; /* of validity; 0: the usual ones, but not past the issuer's end */
    int64_t not_before; /* seconds; 0: a little before `now` */
    int64_t not_after;  /* seconds, counts before `days`; 0: as they say */
    int path_length;    /* -1: any */
    struct template_oids usages;
    struct template_oids policies;
    struct template_urls ocsp_urls;
    struct template_urls issuer_urls;
    struct template_urls crl_urls;
    const struct name_constraints *constraints; /* NULL: none */
};

/* The certificate of a root (DER), signed by its own key. ERR_LINT, ERR_CRYPTO,
 * ERR_TOO_LARGE. */
MUST_CHECK enum err hierarchy_root(struct arena *a, const struct key *key,
                                   const struct hierarchy_wish *wish, struct span *der,
                                   struct err_info *why);

/* The same in two steps: what is to be signed, from the public half alone; then linted as
 * it is at `now`, and signed. */
MUST_CHECK enum err hierarchy_root_write(struct arena *a, const struct key *key,
                                         const struct hierarchy_wish *wish,
                                         struct span *tbs, struct err_info *why);
MUST_CHECK enum err hierarchy_root_sign(struct arena *a, const struct key *key,
                                        struct span tbs, int64_t now, struct span *der,
                                        struct err_info *why);

/* What `issuer` (a certificate, DER) is to sign for the CA with that public key.
 * ERR_UNAUTHORIZED if the issuer may not have such a CA below it or is not valid now;
 * ERR_USAGE if it would outlive its issuer. */
MUST_CHECK enum err hierarchy_intermediate(struct arena *a, struct span issuer,
                                           struct span spki,
                                           const struct hierarchy_wish *wish,
                                           struct span *tbs, struct err_info *why);

/* The same for a CA that has a certificate (DER) already: with its subject, key and key
 * identifier, so that what it has signed fits behind both (RFC 5280 3.2). Of the wish,
 * subject and path length do not count; name constraints and usages are those of its
 * certificate unless there are others. */
MUST_CHECK enum err hierarchy_cross(struct arena *a, struct span issuer,
                                    struct span certificate,
                                    const struct hierarchy_wish *wish, struct span *tbs,
                                    struct err_info *why);

/* Lint it as it is at `now`, sign it with the issuer's key, verify that. ERR_CONFIG if
 * the key is not the issuer's; ERR_LINT. */
MUST_CHECK enum err hierarchy_sign(struct arena *a, const struct key *key,
                                   struct span issuer, struct span tbs, int64_t now,
                                   struct span *der, struct err_info *why);

/* What binds whoever is certified by chain[0]: the CAs above it, each signed by the next,
 * have their name constraints bind as well (RFC 5280 6.1.4). At least one certificate
 * (DER), which must last. ERR_CONFIG if that is no chain, or the first is no CA. */
MUST_CHECK enum err hierarchy_bounds(struct arena *a, const struct span *chain,
                                     size_t count, struct lint_issuer *bounds,
                                     struct err_info *why);

/* As hierarchy_sign(), by chain[0]; the rest as for hierarchy_bounds(). */
MUST_CHECK enum err hierarchy_sign_below(struct arena *a, const struct key *key,
                                         const struct span *chain, size_t count,
                                         struct span tbs, int64_t now, struct span *der,
                                         struct err_info *why);

/* A request (DER) for the certificate of a CA with that key and subject, below which
 * there are no other CAs. */
MUST_CHECK enum err hierarchy_request(struct arena *a, const struct key *key,
                                      struct span subject, struct span *der,
                                      struct err_info *why);

/* The certificate of a CA that came in from outside. */
struct hierarchy_claim {
    const struct span *chain; /* DER: its own first, then those behind it */
    size_t count;
    struct span root;      /* DER of the certificate that everybody is to trust */
    const struct key *key; /* its private key; NULL: not looked at */
};

/* May it issue: is the key its own, does the chain lead to the root, is it a CA that is
 * valid now, with name constraints that leave something? ERR_CONFIG with what is wrong.
 */
MUST_CHECK enum err hierarchy_check(struct arena *a, const struct hierarchy_claim *claim,
                                    int64_t now, struct err_info *why);

/* Octets as PEM in the arena. */
struct span hierarchy_pem(struct arena *a, struct span der);

/* SHA-256 of a certificate (DER), hexadecimal; in the arena. */
const char *hierarchy_fingerprint(struct arena *a, struct span der);
