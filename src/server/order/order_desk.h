/* The desk where orders are decided: it alone starts validations and issuances, and
 * records how they ended. Work under way is a flight that exchanges may wait for; what
 * the validator or the signer was asked is kept until it is answered, and asked again
 * when that process was restarted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/acme/terms.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "server/exchange/flight.h"
#include "server/exchange/work.h"
#include "server/store/store.h"

#define ORDER_DESK_CHECKS_MAX                                                            \
    10000 /* validations under way; beyond that a challenge gets 503 */
#define ORDER_DESK_SIGNS_MAX 10000

/* A question to the validator. Texts live until it is answered. */
struct order_desk_check {
    int64_t authz_id;
    enum challenge_type type;
    const char *identifier; /* without "*." */
    const char *token;
    const char *key_authorization;
};

/* A question to the signer. */
struct order_desk_sign {
    int64_t issuance_id;
    struct span tbs;
};

/* How questions leave; called from any thread, must not block. False: it could not be
 * sent just now, and waits for order_desk_ask_postponed(). */
struct order_desk_ports {
    void *context;
    bool (*check)(void *context, const struct order_desk_check *check);
    bool (*sign)(void *context, const struct order_desk_sign *sign);
};

struct order_desk;

/* A desk; `issuers` is the DER chain behind every certificate, without the root; copied.
 */
struct order_desk *order_desk_new(struct store *store, struct work_pool *workers,
                                  const struct order_desk_ports *ports,
                                  struct span issuers);

/* Wait for what the store was given, then free; NULL is fine. No answers may come any
 * more, and the workers must have ended. */
void order_desk_free(struct order_desk *desk);

/* Take up what an earlier process began and did not finish. */
MUST_CHECK enum err order_desk_recover(struct order_desk *desk,
                                       struct store_session *session,
                                       struct err_info *why);

/* Start checking a challenge unless it is being checked; `session` has read the
 * authorization, `thumbprint` is the account key's. ERR_UNAVAILABLE when too many are
 * under way. */
MUST_CHECK enum err order_desk_validate(struct order_desk *desk,
                                        const struct store_session *session,
                                        const struct store_authz *authz,
                                        enum challenge_type type,
                                        const uint8_t *thumbprint, struct err_info *why);

/* Record an issuance and have it signed once it is on disk. ERR_CONFLICT as
 * store_issuance_begin. */
MUST_CHECK enum err order_desk_issue(struct order_desk *desk,
                                     struct store_session *session,
                                     struct store_issuance *issuance,
                                     struct err_info *why);

/* Flights by authorization id and by order id. */
struct flight_table *order_desk_validations(struct order_desk *desk);
struct flight_table *order_desk_issuances(struct order_desk *desk);

/* Answers, from any thread; unknown ids are passed over. `error` and `record` are JSON
 * texts. A certificate that is not what was to be signed makes the order invalid. */
void order_desk_verdict(struct order_desk *desk, int64_t authz_id, bool valid,
                        const char *error, const char *record);
void order_desk_signed(struct order_desk *desk, int64_t issuance_id,
                       struct span certificate);

/* The signer refuses for good: the order becomes invalid with this problem (JSON text).
 */
void order_desk_refused(struct order_desk *desk, int64_t issuance_id, const char *error);

/* Ask everything unanswered again: the validator, the signer, was restarted. */
void order_desk_ask_again(struct order_desk *desk, bool validator, bool signer);

/* The signer could not sign just now (its journal's disk is full): ask it later. */
void order_desk_postpone(struct order_desk *desk, int64_t issuance_id);

/* Ask what could not be asked; to be called now and then. */
void order_desk_ask_postponed(struct order_desk *desk);

/* Record again what could not be recorded because the store failed; to be called now and
 * then. Until that works the flights stay under way. */
void order_desk_record_again(struct order_desk *desk);
