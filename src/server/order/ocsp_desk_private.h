/* What the parts of the OCSP desk share. */
#pragma once

#include <pthread.h>

#include "core/crypto/key.h"
#include "server/order/ocsp_desk.h"
#include "server/order/ocsp_status.h"

#define OCSP_DESK_CERTIFICATE_S (7 * 86400) /* that a responder's certificate lives */
#define OCSP_DESK_WAIT_US       5000000     /* for a signature */
#define OCSP_DESK_RETRY_US      60000000    /* after a refusal */

#define OCSP_SPKI_MAX 256 /* octets: responders' keys are of P-256 */

/* One issuer's responder. */
struct ocsp_responder {
    struct ocsp_responder *next; /* of all there ever were */
    const struct issuer *issuer;
    struct arena *arena; /* of what follows, renewed with the certificate */
    struct span spki;    /* empty: the signer has not said it yet */
    uint8_t name[HASH_MAX_SIZE];
    uint8_t instead[OCSP_SPKI_MAX]; /* the key whose certificate was revoked last */
    size_t instead_len;
    struct span tbs;               /* of the certificate that is asked for */
    uint64_t question;             /* 0: none */
    bool recorded;                 /* that it is asked for is on disk */
    int64_t issuance_id;           /* by which it is recorded; 0: nothing is unfinished */
    int64_t retry_us;              /* monotonic: not before, after a refusal */
    struct span der;               /* its certificate, empty: there is none */
    struct span serial;            /* of that */
    int64_t renew;                 /* seconds: when it is to be renewed */
    int64_t not_before, not_after; /* seconds */
};

/* The issuers of some settings. What was asked by one goes on with it. */
struct ocsp_generation {
    struct ocsp_status_table table;
    struct ocsp_responder **responders; /* as the table's issuers */
};

#define OCSP_SIGNATURE_MAX 256 /* octets: responders' keys are of P-256 */

/* Somebody waits for a signature. */
struct ocsp_waiter {
    uint64_t id; /* 0: free */
    struct exchange *x;
    bool done;
    size_t len; /* of the signature; 0: it was refused */
    uint8_t signature[OCSP_SIGNATURE_MAX];
};

/* A signed answer that is kept. */
struct ocsp_kept {
    uint8_t key[HASH_SHA256_SIZE]; /* hash of the CertID */
    uint8_t *der;                  /* owned; NULL: the place is free */
    size_t len;
    int64_t this_update, next_update;
    int64_t renew; /* seconds: a newer one is made from then on */
    enum ocsp_status status;
    int reason;
    int64_t revoked_at;
};

struct ocsp_desk {
    pthread_mutex_t lock;
    struct ocsp_desk_ports ports;
    struct arena *arena;
    const struct ocsp_generation *now; /* all of them live in the arena */
    struct ocsp_responder *responders; /* all there ever were */
    bool enabled, nonces;
    int64_t lifetime; /* seconds an answer is good */
    uint64_t next_id;
    struct ocsp_waiter waiters[OCSP_DESK_WAITING_MAX];
    struct ocsp_kept *kept;
    size_t kept_count;
};

/* ---- ocsp_desk_kept.c; with the lock held ---- */

/* The place of that CertID. NULL: nothing is kept. */
struct ocsp_kept *ocsp_desk_place(struct ocsp_desk *desk, struct span whole,
                                  uint8_t key[HASH_SHA256_SIZE]);

/* Does it say at `seconds` what the store says now, and is it young enough? */
bool ocsp_desk_is_right(const struct ocsp_kept *kept, const struct ocsp_single *now,
                        int64_t seconds);

/* Another size; what was kept is dropped. */
void ocsp_desk_resize(struct ocsp_desk *desk, size_t count);
