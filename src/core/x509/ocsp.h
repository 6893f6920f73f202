/* OCSP (RFC 6960, as RFC 5019 narrows it): requests read, what is to be signed written
 * and read again, answers put together.
 *
 * A certificate is named by hashes of its issuer's name and key, and its serial. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"

#define OCSP_REQUEST_MAX 8192 /* octets */
#define OCSP_CERTS_MAX   16   /* certificates in one request */
#define OCSP_NONCE_MAX   32   /* octets, RFC 8954 2.1 */
#define OCSP_KEY_HASH    20   /* octets of a responder's name, SHA-1 of its key */
#define OCSP_REASON_NONE (-1)

/* RFC 6960 4.1.1; spans point into the octets read. */
struct ocsp_id {
    struct span whole;   /* the CertID element, to be repeated as it is */
    enum hash_kind hash; /* HASH_SHA1 or HASH_SHA256, if it is known */
    bool known;
    struct span name;   /* hash of the issuer's name */
    struct span key;    /* hash of the issuer's key */
    struct span serial; /* magnitude; empty if it is zero or negative */
};

struct ocsp_request {
    struct ocsp_id ids[OCSP_CERTS_MAX];
    size_t count;      /* at least one */
    struct span nonce; /* its 1 to OCSP_NONCE_MAX octets; empty: there is none */
};

/* Read a request: strict DER, nothing behind it. A signature is passed over, as nobody is
 * refused (RFC 5019 2.1.2); so is whose request it is. ERR_MALFORMED: that, an unknown
 * critical extension, a nonce that is empty or too long (RFC 8954 2.1), or more than
 * OCSP_CERTS_MAX certificates. */
MUST_CHECK enum err ocsp_request_read(struct span der, struct ocsp_request *request,
                                      struct err_info *why);

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

/* What is said of one certificate. */
struct ocsp_single {
    struct ocsp_id id;
    enum ocsp_status status;
    int64_t revoked;     /* seconds, if it is */
    int reason;          /* CRLReason, or OCSP_REASON_NONE */
    int64_t this_update; /* seconds */
    int64_t next_update;
};

/* RFC 6960 4.2.1, ResponseData. */
struct ocsp_data {
    struct span responder; /* SHA-1 of the responder's key, OCSP_KEY_HASH octets */
    int64_t produced;      /* seconds */
    struct ocsp_single singles[OCSP_CERTS_MAX];
    size_t count;
    struct span nonce; /* empty: none */
};

/* Write what is to be signed into the arena. ERR_TOO_LARGE. */
MUST_CHECK enum err ocsp_data_write(struct arena *a, const struct ocsp_data *data,
                                    struct span *tbs, struct err_info *why);

/* Read it again: strict DER, in exactly the form it is written in, times as RFC
 * 5019 2.2.4 wants them. ERR_MALFORMED. */
MUST_CHECK enum err ocsp_data_read(struct span tbs, struct ocsp_data *data,
                                   struct err_info *why);

/* The whole answer, in the arena: what was signed, its signature, and the responder's
 * certificate. */
struct span ocsp_answer(struct arena *a, struct span tbs, enum key_signature kind,
                        struct span signature, struct span certificate);

/* Answers without a signature (RFC 6960 4.2.1). */
enum ocsp_refusal {
    OCSP_MALFORMED_REQUEST = 1,
    OCSP_INTERNAL_ERROR = 2,
    OCSP_TRY_LATER = 3,
    OCSP_UNAUTHORIZED = 6,
};

/* Five octets, static. */
struct span ocsp_refuse(enum ocsp_refusal refusal);

/* Hash of an issuer as certificates are named by it: of its Name element, and of the bits
 * of its key (whole SubjectPublicKeyInfo element). `to` has HASH_MAX_SIZE octets; returns
 * how many, 0 if that is no SubjectPublicKeyInfo. */
size_t ocsp_hash_name(enum hash_kind kind, struct span name, uint8_t *to);
size_t ocsp_hash_key(enum hash_kind kind, struct span spki, uint8_t *to);
