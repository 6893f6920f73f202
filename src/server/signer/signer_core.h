/* The safe: holds the issuing keys, signs only what it has linted itself. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/secret.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "server/lint/lint.h"

struct signer_core;
struct settings;

#define SIGNER_ISSUERS_MAX 101 /* keys: that of files.* and those of issuers.NAME */

struct signer_issuer {
    struct span certificate_pem; /* the issuing certificate, first of the text */
    struct span key_pem;         /* its key; empty: signer_core_set_key brings it */
    const char *key_name;        /* file of the key, for complaints */
    struct span root_pem;        /* the root above it; empty: not known */
};

struct signer_options {
    const struct signer_issuer *issuers; /* at least one */
    size_t issuer_count;
    const struct secret *passphrase;     /* NULL: the keys are not encrypted */
    const struct lint_profile *profiles; /* what certificates may be; kept by reference */
    size_t profile_count;
    const struct settings *published; /* URLs of lists are those that they say, kept by
                                         reference; NULL: any */
    int journal_fd;      /* opened for appending; owned from now on; -1: none */
    struct span journal; /* its last lines, from which the signed serials are known */
    int lists_fd;        /* of the numbers of revocation lists; as the journal's */
    struct span lists;   /* what is in there */
};

/* Read certificates and keys and check that they belong together. ERR_CONFIG, ERR_CRYPTO,
 * with the key's name. */
MUST_CHECK enum err signer_core_new(const struct signer_options *options,
                                    struct signer_core **core, struct err_info *why);

/* The key of the issuer at that place (owned from now on), and whose it must be: the
 * SubjectPublicKeyInfo of its certificate. ERR_CONFIG if it is another's. */
struct key;
MUST_CHECK enum err signer_core_set_key(struct signer_core *core, size_t issuer,
                                        struct key *k, struct err_info *why);
struct span signer_core_spki(const struct signer_core *core, size_t issuer);

/* Who signs does so between these two. While a key in a token is at work, others may be
 * let in; what a question holds must live that long. */
void signer_core_enter(struct signer_core *core);
void signer_core_leave(struct signer_core *core);

/* Other profiles from now on, kept by reference, and where revocation lists are
 * published, as in the options. */
void signer_core_set_profiles(struct signer_core *core,
                              const struct lint_profile *profiles, size_t count,
                              const struct settings *published);

/* Wipe and free. NULL is fine. */
void signer_core_free(struct signer_core *core);

/* Lint as a certificate or a precertificate of the profile, note in the journal, sign
 * with the key of the issuer it names, read, lint and verify again; the certificate (DER)
 * is in the arena. The same octets may be signed again. ERR_LINT: it breaks a rule and is
 * never signed, or its serial is of a time to come. ERR_CONFLICT: its serial was used for
 * other octets, or it has timestamps and its precertificate was not signed here. ERR_IO:
 * the journal cannot be written. */
MUST_CHECK enum err signer_core_sign(struct signer_core *core, struct arena *a,
                                     enum lint_kind kind, struct span profile,
                                     struct span tbs, struct span *certificate,
                                     struct err_info *why);

/* The public key (SubjectPublicKeyInfo) that OCSP answers about certificates of an issuer
 * are signed with; made when it is first asked for, and never leaves this process. With
 * it a certificate of kind LINT_RESPONDER_CERTIFICATE may be asked for, and with no other
 * key. If it is `instead`, another takes its place for good. ERR_NOT_FOUND: there is no
 * issuer with that key identifier. ERR_CRYPTO. */
MUST_CHECK enum err signer_core_responder(struct signer_core *core, struct span key_id,
                                          struct span instead, struct span *spki,
                                          struct err_info *why);

/* Lint what an OCSP answer says and sign it with the responder's key it names;
 * `signature` has KEY_SIGNATURE_MAX octets, of the kind SIGNER_RESPONDER_SIGNATURE.
 * ERR_LINT: it breaks a rule, or no such key was made here. */
#define SIGNER_RESPONDER_SIGNATURE KEY_SIGNATURE_ECDSA_SHA256
MUST_CHECK enum err signer_core_sign_answer(struct signer_core *core, struct span tbs,
                                            uint8_t *signature, size_t *len,
                                            struct err_info *why);

/* How many of these keys were made. */
size_t signer_core_responders(const struct signer_core *core);

/* A revocation list that may be signed; spans point into it. */
struct signer_list {
    size_t issuer; /* whose it is */
    struct span tbs;
    struct span key_id; /* of its issuer */
    struct span url;    /* its distribution point, or nothing */
    uint64_t number;
    uint8_t scope[HASH_SHA256_SIZE];
    uint8_t digest[HASH_SHA256_SIZE]; /* of the octets */
};

/* Lint a revocation list. ERR_LINT; ERR_CONFLICT: its number is not above the last one;
 * ERR_TOO_LARGE: it is so far above that none would be left. The last list may be signed
 * again. */
MUST_CHECK enum err signer_core_read_list(const struct signer_core *core, struct span tbs,
                                          struct signer_list *list, struct err_info *why);

/* Note the number of one that was read, and sign it with the key of its issuer;
 * `signature` has KEY_SIGNATURE_MAX octets. Errors as above. */
MUST_CHECK enum err signer_core_sign_list(struct signer_core *core,
                                          const struct signer_list *list,
                                          uint8_t *signature, size_t *len,
                                          struct err_info *why);
