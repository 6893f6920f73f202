/* What the desk does with answers: jobs that record them, until the store has taken them.
 */
#include <stdlib.h>

#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/crypto/der_read.h"
#include "server/order/order_desk_private.h"

/* It is over: whoever waits sees the facts. */
static void finish(struct order_desk_question *q)
{
    struct order_desk *desk = q->desk;

    pthread_mutex_lock(&desk->lock);
    struct order_desk_question **link = order_desk_find(desk, q->kind, q->id);
    if (*link == q) {
        *link = q->next;
        desk->counts[q->kind]--;
    }
    pthread_mutex_unlock(&desk->lock);
    flight_land(q->kind == ORDER_DESK_CHECK ? desk->validations : desk->issuances,
                q->flight_key);
    order_desk_question_free(q);
}

/* The answer could not be stored: without it the order would hang until a restart. */
static void keep(struct order_desk_question *q)
{
    pthread_mutex_lock(&q->desk->lock);
    q->unrecorded = true;
    q->desk->unrecorded++;
    pthread_mutex_unlock(&q->desk->lock);
}

static void landed(void *argument, enum err result)
{
    struct order_desk_question *q = argument;
    struct order_desk *desk = q->desk;

    if (result == ERR_OK)
        finish(q);
    else
        keep(q);
    order_desk_told(desk);
}

/* A conflict means that somebody decided otherwise meanwhile (a deactivation): that
 * stands. */
static enum err note_failure(const struct order_desk_question *q, enum err result,
                             const struct err_info *why)
{
    if (result != ERR_OK && result != ERR_CONFLICT)
        log_event(LOG_LEVEL_ERROR, "order.record_failed", "id=%lld why=" LOG_QUOTE,
                  (long long)q->id, why->detail);
    return result;
}

static enum err record_verdict(struct order_desk_question *q,
                               struct store_session *session)
{
    struct err_info why = {0};

    return note_failure(
        q,
        store_attempt_finish(session, q->id, (int)q->check.type,
                             q->good ? STORE_VERDICT_VALID : STORE_VERDICT_INVALID,
                             q->error, q->record, clock_now(), &why),
        &why);
}

static enum err record_signature(struct order_desk_question *q,
                                 struct store_session *session)
{
    struct err_info why = {0};
    enum err result;

    if (q->good) {
        result =
            store_issuance_finish(session, q->id, q->certificate, q->desk->issuers, &why);
    } else {
        result = store_issuance_abandon(session, q->id, &why);
        if (result == ERR_OK)
            result = store_order_fail(session, q->flight_key, q->error, &why);
    }
    return note_failure(q, result, &why);
}

static void record_answer(struct work_job *job, struct store_session *session)
{
    struct order_desk_question *q = (struct order_desk_question *)(void *)job;
    struct err_info undone = {0};

    /* an authorization whose batch was undone never was: by now its number may be that of
     * another */
    if (store_wait(q->desk->store, q->seen, &undone) != ERR_OK) {
        finish(q);
        return;
    }
    store_session_begin(session);
    enum err result = q->kind == ORDER_DESK_CHECK ? record_verdict(q, session)
                                                  : record_signature(q, session);
    if (result == ERR_STORE)
        keep(q);
    else
        order_desk_wait_for_store(q, store_session_ticket(session), landed);
}

/* The unanswered question of that id, marked answered; NULL if there is none. */
static struct order_desk_question *take_answer(struct order_desk *desk,
                                               enum order_desk_kind kind, int64_t id)
{
    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, kind, id);
    if (q != NULL && q->answered)
        q = NULL;
    if (q != NULL) {
        q->answered = true;
        order_desk_set_postponed(q, false);
    }
    pthread_mutex_unlock(&desk->lock);
    return q;
}

static void queue_answer(struct order_desk_question *q)
{
    q->job.run = record_answer;
    work_pool_add(q->desk->workers, &q->job);
}

void order_desk_record_again(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < ORDER_DESK_BUCKETS && desk->unrecorded > 0; i++) {
            for (struct order_desk_question *q = desk->buckets[kind][i]; q != NULL;
                 q = q->next) {
                if (!q->unrecorded)
                    continue;
                q->unrecorded = false;
                desk->unrecorded--;
                queue_answer(q);
            }
        }
    }
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_verdict(struct order_desk *desk, int64_t authz_id, bool valid,
                        const char *error, const char *record)
{
    struct order_desk_question *q = take_answer(desk, ORDER_DESK_CHECK, authz_id);

    if (q == NULL)
        return;
    q->good = valid;
    q->error = error != NULL ? arena_string(q->arena, error) : NULL;
    q->record = record != NULL ? arena_string(q->arena, record) : NULL;
    queue_answer(q);
}

/* Is it the certificate of these to-be-signed octets? */
static bool is_of(struct span certificate, struct span tbs)
{
    struct der_reader r = der_read_start(certificate, 1);

    der_read_enter(&r, DER_SEQUENCE);
    struct span first = der_read_element(&r);
    return der_read_ok(&r) && span_equal(first, tbs);
}

void order_desk_signed(struct order_desk *desk, int64_t issuance_id,
                       struct span certificate)
{
    struct order_desk_question *q = take_answer(desk, ORDER_DESK_SIGN, issuance_id);
    struct err_info why = {0};

    if (q == NULL)
        return;
    if (!is_of(certificate, q->sign.tbs)) {
        log_event(LOG_LEVEL_ERROR, "order.wrong_certificate", "issuance=%lld",
                  (long long)issuance_id);
        (void)err_set(&why, ERR_INTERNAL, "the signer sent another certificate");
        q->good = false;
        q->error = problem_text(q->arena, &why);
        queue_answer(q);
        return;
    }
    q->good = true;
    q->certificate = arena_span(q->arena, certificate);
    queue_answer(q);
}

void order_desk_refused(struct order_desk *desk, int64_t issuance_id, const char *error)
{
    struct order_desk_question *q = take_answer(desk, ORDER_DESK_SIGN, issuance_id);

    if (q == NULL)
        return;
    q->good = false;
    q->error = arena_string(q->arena, error);
    queue_answer(q);
}
