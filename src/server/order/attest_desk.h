/* The desk of attestations (device-attest-01): what the validator is asked to judge while
 * a client waits. Kept in memory only: the verdict is the first thing that is stored, so
 * whoever ends in between leaves a challenge that is pending, and its client asks again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/attest/attest.h"
#include "core/base/err.h"
#include "server/exchange/flight.h"
#include "server/exchange/work.h"
#include "server/store/store.h"

#define ATTEST_DESK_MOST                                                                 \
    128 /* under way, ATTEST_OBJECT_MAX octets each; beyond that a challenge gets 503 */
#define ATTEST_DESK_TRIES                                                                \
    3 /* times that one is given to a validator, which may have ended because of it */

struct attest_desk;
struct limit;

/* A question to the validator. */
struct attest_desk_question {
    int64_t authz_id;
    int64_t account_id;
    struct identifier identifier;
    const char *profile; /* by whose rules; "": by those of no profile */
    const char *token;
    const char *key_authorization;
    const struct attest_known *known; /* of the inventory */
    size_t known_count;
    struct span object; /* CBOR */
};

/* How questions leave; called from any thread, must not block. False: it could not be
 * sent just now, and is tried again. */
struct attest_desk_ports {
    void *context;
    bool (*ask)(void *context, uint64_t number,
                const struct attest_desk_question *question);
};

/* What the validator says; lives during the call. */
struct attest_desk_answer {
    enum err code; /* ERR_OK: it is true */
    const char *detail;
    bool differs; /* only the identifier is another one */
    int format;   /* enum attest_format */
    uint8_t key_hash[STORE_HASH_SIZE];
    const char *facts; /* JSON object */
};

/* A desk; the limits (NULL: none) are told how attestations end. */
struct attest_desk *attest_desk_new(struct store *store, struct work_pool *workers,
                                    const struct attest_desk_ports *ports,
                                    struct limit *limits);

/* Wait for what the store was given, then free; NULL is fine. No answers may come any
 * more, and the workers must have ended. */
void attest_desk_free(struct attest_desk *desk);

/* Flights by authorization id; each lands when the verdict is on disk, or when there will
 * be none. */
struct flight_table *attest_desk_flights(struct attest_desk *desk);

/* Have it judged, unless one is for that authorization already; `session` has read that.
 * All is copied. It is given up `timeout_ms` from now. ERR_UNAVAILABLE if too many are
 * under way. */
MUST_CHECK enum err attest_desk_begin(struct attest_desk *desk,
                                      const struct store_session *session,
                                      const struct attest_desk_question *question,
                                      int64_t timeout_ms, struct err_info *why);

/* An answer, from any thread; unknown numbers are passed over. Anything but a verdict
 * (ERR_OK, ERR_BAD_ATTESTATION_STATEMENT) leaves the challenge pending. */
void attest_desk_answered(struct attest_desk *desk, uint64_t number,
                          const struct attest_desk_answer *answer);

/* The validator was started again: ask it, but give up what it was asked too often. */
void attest_desk_ask_again(struct attest_desk *desk);

/* Ask what could not be asked, give up whose time is over; to be called now and then. */
void attest_desk_look(struct attest_desk *desk);

/* Record that nothing acceptable was attested, as of a refusal that needs no validator:
 * problem and, with `differs`, that it is of another device. Errors are those of
 * store_attempt_finish. */
MUST_CHECK enum err attest_desk_refuse(struct store_session *session,
                                       struct limit *limits,
                                       const struct attest_desk_question *question,
                                       const struct err_info *refusal, bool differs,
                                       struct err_info *why);
