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
#include "server/lint/lint.h"
#include "server/order/quorum.h"
#include "server/store/store.h"
#include "server/validate/validate.h"

#define ORDER_DESK_CHECKS_MAX                                                            \
    10000 /* validations under way; beyond that a challenge gets 503 */
#define ORDER_DESK_SIGNS_MAX 10000

/* A question to the validator. Texts live until it is answered. */
struct order_desk_check {
    int64_t authz_id; /* or, where it is of none, a number of the question's own */
    enum validate_purpose purpose;
    enum challenge_type type;
    const char *directory; /* the account's */
    enum identifier_type identifier_type;
    const char *identifier; /* without "*." */
    bool wildcard;
    const char *token;
    const char *key_authorization; /* or what else proves it; struct validate_question */
    const char *account_uri;
    const char *caa_identities; /* with spaces between; empty: the CA names none */
};

/* A question to the signer. */
struct order_desk_sign {
    int64_t issuance_id;
    const char *profile; /* by which it is made */
    enum lint_kind kind;
    struct span tbs;
};

#define ORDER_DESK_CHAIN_MAX 90000 /* octets of a submission, as in messages.def */

/* A question to a log, by way of the validator. */
struct order_desk_submission {
    int64_t issuance_id;
    const char *log;   /* of ct_logs */
    bool final;        /* a whole certificate, no precertificate; nobody waits for it */
    struct span chain; /* it, and what stands behind it, one DER after the other */
};

/* How questions leave; called from any thread, must not block. False: it could not be
 * sent just now, and waits for order_desk_ask_postponed(). `look` asks a remote
 * perspective what `check` asks the validator; NULL where there are none. */
struct order_desk_ports {
    void *context;
    bool (*check)(void *context, const struct order_desk_check *check);
    bool (*look)(void *context, const char *perspective,
                 const struct order_desk_check *check);
    bool (*sign)(void *context, const struct order_desk_sign *sign);
    bool (*submit)(void *context, const struct order_desk_submission *submission);
};

struct issuer_set;
struct order_desk;
struct limit;
struct settings;

/* Other issuers from now on (a reload), which must outlive it, too. Any thread. */
void order_desk_use_issuers(struct order_desk *desk, const struct issuer_set *issuers);

/* A desk; the issuers are whose certificates may come, and must outlive it. */
struct order_desk *order_desk_new(struct store *store, struct work_pool *workers,
                                  const struct order_desk_ports *ports,
                                  const struct issuer_set *issuers);

/* Tell these limits how validations and issuances end; to be called before the first. */
void order_desk_limit(struct order_desk *desk, struct limit *limits);

/* A remote perspective, and how it counts. */
struct order_desk_perspective {
    const char *name;
    const char *region;
    size_t region_number; /* the same for two in one region */
};

/* The remote perspectives and what they must agree on. */
struct order_desk_panel {
    bool enforced; /* false: they are asked and recorded, and decide nothing */
    struct quorum_rule rule;
    int64_t timeout_ms; /* who has not answered by then does not corroborate */
    const struct order_desk_perspective *remotes;
    size_t count; /* 1 to QUORUM_REMOTES_MAX */
};

/* The panel of these settings, in the arena; NULL if no remote perspective is asked. */
const struct order_desk_panel *order_desk_panel_of(struct arena *a,
                                                   const struct settings *settings);

/* Ask these, beside the validator, for checks that begin from now on; NULL: nobody. It
 * must live as long as the desk. */
void order_desk_set_panel(struct order_desk *desk, const struct order_desk_panel *panel);

/* Wait for what the store was given, then free; NULL is fine. No answers may come any
 * more, and the workers must have ended. */
void order_desk_free(struct order_desk *desk);

/* Take up what an earlier process began and did not finish; what was revoked meanwhile is
 * given up. */
MUST_CHECK enum err order_desk_recover(struct order_desk *desk,
                                       struct store_session *session,
                                       const struct settings *settings,
                                       struct err_info *why);

/* Is an authorization being checked? */
bool order_desk_is_checking(struct order_desk *desk, int64_t authz_id);

/* The account that proves, and what its directory says. */
struct order_desk_prover {
    int64_t account_id;
    const uint8_t *thumbprint; /* of its key */
    const char *directory;
    const struct settings *settings;
};

/* Start checking a challenge unless it is being checked; `session` has read the
 * authorization. ERR_UNAVAILABLE when too many are
 * under way; ERR_CONFLICT when another challenge of the authorization is. */
MUST_CHECK enum err
order_desk_validate(struct order_desk *desk, const struct store_session *session,
                    const struct store_authz *authz, enum challenge_type type,
                    const struct order_desk_prover *prover, struct err_info *why);

/* Record an issuance and have it signed once it is on disk, by way of a precertificate if
 * it is one (order_desk_logs.h). Errors are those of
 * store_issuance_begin; ERR_CONFLICT also while another is made for the order. */
MUST_CHECK enum err order_desk_issue(struct order_desk *desk,
                                     struct store_session *session,
                                     struct store_issuance *issuance,
                                     struct err_info *why);

/* The same, and `note` is called once it is recorded: a line it writes for the audit log
 * is kept exactly if the issuance is, as both are in one batch of the store. It must be
 * short and may take no lock (store_notes_hold). */
MUST_CHECK enum err order_desk_issue_noted(struct order_desk *desk,
                                           struct store_session *session,
                                           struct store_issuance *issuance,
                                           void (*note)(void *argument), void *argument,
                                           struct err_info *why);

/* Flights by authorization id and by order id. */
struct flight_table *order_desk_validations(struct order_desk *desk);
struct flight_table *order_desk_issuances(struct order_desk *desk);

/* What proves it says that it ends then (seconds): the authorization is to live no
 * longer. To be called before the verdict, from any thread; unknown ids are passed over.
 */
void order_desk_proof_ends(struct order_desk *desk, int64_t authz_id, int64_t until);

/* Answers, from any thread; unknown ids are passed over. `error` and `record` are JSON
 * texts. A certificate that is not what was to be signed makes the order invalid. */
void order_desk_verdict(struct order_desk *desk, int64_t authz_id, bool valid,
                        const char *error, const char *record);
void order_desk_signed(struct order_desk *desk, int64_t issuance_id,
                       struct span certificate);

/* What a remote perspective says about a check; lives during the call. */
struct order_desk_sight {
    bool valid;
    enum err code; /* if not valid */
    const char *detail;
    const char *record; /* JSON */
};

/* The same for a remote perspective, by name; one that was not asked, or has answered,
 * is passed over. A problem of its own (ERR_INTERNAL and its like) counts as away. */
void order_desk_saw(struct order_desk *desk, int64_t authz_id, const char *perspective,
                    const struct order_desk_sight *sight);

/* It could not be asked, for that reason: it is asked again in a moment, until its time
 * is over. Is that news of this check? */
bool order_desk_away(struct order_desk *desk, int64_t authz_id, const char *perspective,
                     const char *reason);

/* Ask remote perspectives again what they have not answered: the way to them is new. */
void order_desk_look_again(struct order_desk *desk);

/* A query of a check failed with this problem (JSON text), and is made again in so many
 * milliseconds: shown until the verdict (RFC 8555 8.2), not stored. From any thread;
 * unknown ids are passed over. */
void order_desk_trouble(struct order_desk *desk, int64_t authz_id, const char *problem,
                        int64_t wait_ms);

/* The problem of a check under way, with a subproblem for each query that failed, and
 * after how many seconds the next one was made; NULL if none failed yet, or without a
 * desk. In the arena. */
const char *order_desk_troubles(struct order_desk *desk, struct arena *a,
                                int64_t authz_id, int64_t *seconds);

/* The signer refuses for good: the order becomes invalid with this problem (JSON text).
 */
void order_desk_refused(struct order_desk *desk, int64_t issuance_id, const char *error);

/* What was revoked while nobody could sign it is not signed: its orders become invalid.
 * To be called before the signer is asked again; what is missed is refused when its
 * signature comes. */
void order_desk_give_up_revoked(struct order_desk *desk, struct store_session *session);

/* Ask everything unanswered again: the validator, the signer, was restarted. */
void order_desk_ask_again(struct order_desk *desk, bool validator, bool signer);

/* The signer could not sign just now (its journal's disk is full): ask it later. */
void order_desk_postpone(struct order_desk *desk, int64_t issuance_id);

/* Ask what could not be asked; to be called now and then. */
void order_desk_ask_postponed(struct order_desk *desk);

/* Record again what could not be recorded because the store failed; to be called now and
 * then. Until that works the flights stay under way. */
void order_desk_record_again(struct order_desk *desk);
