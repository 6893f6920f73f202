/* The desk of enrolments of attestation keys: what waits for the validator's judgement or
 * the signer's signature. What was asked is kept until it is answered, and asked again
 * when that process was started again. Any thread. */
#pragma once

#include "core/crypto/hash.h"
#include "server/exchange/exchange.h"

#define ENROLL_DESK_WAITING_MAX 256 /* beyond that 503 is answered */

/* Numbers of its questions: above those of issuances, below those of OCSP. */
#define ENROLL_DESK_FIRST (UINT64_C(1) << 60)
#define ENROLL_DESK_LAST  ((UINT64_C(1) << 61) - 1)

/* What the validator is asked (core/attest/enrollment.h); lives as long as the exchange.
 */
struct enroll_desk_question {
    struct span ek;
    struct span certificates; /* DER, one behind the other */
    struct span public;
    struct span create_data;
    struct span create_attestation;
    struct span create_signature;
    const char *manufacturer; /* what the TPM says of itself */
    const char *model;
    const char *version;
    struct span secret; /* to be sealed */
};

/* What it says. */
struct enroll_desk_verdict {
    enum err code;
    const char *detail; /* if that is not ERR_OK */
    bool certified;     /* a maker vouches for the EK */
    const char *doubt;  /* why not */
    uint8_t ek_sha256[HASH_SHA256_SIZE];
    struct span ak; /* SubjectPublicKeyInfo */
    const char *manufacturer;
    const char *model;
    const char *version;
    struct span credential; /* TPM2B_ID_OBJECT */
    struct span encrypted;  /* TPM2B_ENCRYPTED_SECRET */
};

/* How questions leave; must not block. False: not just now. `keep` records a certificate
 * that came when nobody waited for it any more. */
struct enroll_desk_ports {
    void *context;
    bool (*judge)(void *context, uint64_t id,
                  const struct enroll_desk_question *question);
    bool (*sign)(void *context, uint64_t id, struct span tbs);
    void (*keep)(void *context, int64_t issuance_id, struct span certificate,
                 struct span issuers);
};

/* A desk without questions. */
struct enroll_desk *enroll_desk_new(struct store *store,
                                    const struct enroll_desk_ports *ports);

/* Wait for what the store was given, then free; NULL is fine. */
void enroll_desk_free(struct enroll_desk *desk);

struct enroll_desk_waiter;

/* Do too many wait already? */
bool enroll_desk_is_full(struct enroll_desk *desk);

/* Ask the validator and park the exchange; it is run again from `step`, which calls
 * enroll_desk_take. ERR_UNAVAILABLE: too many are waiting. */
MUST_CHECK enum err enroll_desk_judge(struct enroll_desk *desk, struct exchange *x,
                                      exchange_step *step,
                                      const struct enroll_desk_question *question,
                                      struct enroll_desk_waiter **waiter,
                                      struct err_info *why);

/* The same with the signer, as soon as what the session changed is on disk: the issuance,
 * which was begun, and the issuers behind it (DER). */
MUST_CHECK enum err
enroll_desk_sign(struct enroll_desk *desk, struct exchange *x, exchange_step *step,
                 const struct store_issuance *issuance, struct span issuers,
                 struct enroll_desk_waiter **waiter, struct err_info *why);

enum enroll_desk_state {
    ENROLL_DESK_WAITS,    /* the exchange was run without cause, and is parked again */
    ENROLL_DESK_LATE,     /* nothing came in time; the waiter is gone */
    ENROLL_DESK_ANSWERED, /* the same, and something came */
};

/* What came of it: of a judgement `verdict`, of a signature `certificate`, which is empty
 * if it was refused; both in the exchange's arena. */
enum enroll_desk_state enroll_desk_take(struct enroll_desk *desk, struct exchange *x,
                                        struct enroll_desk_waiter *waiter,
                                        struct enroll_desk_verdict *verdict,
                                        struct span *certificate);

/* Answers; unknown ids are passed over. Whoever asked copies what it needs. */
void enroll_desk_judged(struct enroll_desk *desk, uint64_t id,
                        const struct enroll_desk_verdict *verdict);
void enroll_desk_signed(struct enroll_desk *desk, uint64_t id, struct span certificate);
void enroll_desk_refused(struct enroll_desk *desk, uint64_t id, const char *detail);

/* That process was started again: ask anew what it has not answered. A question that the
 * validator ended with twice is not asked a third time. */
void enroll_desk_ask_again(struct enroll_desk *desk, bool validator, bool signer);

/* Ask what could not be asked; now and then. */
void enroll_desk_tick(struct enroll_desk *desk);
