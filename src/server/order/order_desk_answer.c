/* What the desk does with answers: jobs that record them, until the store has taken them.
 */
#include <stdlib.h>
#include <string.h>

#include "core/acme/identifier.h"
#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/crypto/der_read.h"
#include "server/audit/audit.h"
#include "server/issue/issuer.h"
#include "server/limit/limit_rules.h"
#include "server/order/evidence.h"
#include "server/order/order_desk_private.h"
#include "server/store/store_caa.h"

#define TROUBLES_MAX 16 /* entries that are kept of a check */

/* It is over: whoever waits sees the facts. */
static void finish(struct order_desk_question *q)
{
    struct order_desk *desk = q->desk;
    struct order_desk_round *round = q->round;
    bool ends = q->round_ends;

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
    if (round != NULL)
        order_desk_caa_finish(desk, round, ends);
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

    if (result != ERR_OK)
        keep(q);
    else if (q->logs == NULL || !order_desk_logs_next(q))
        finish(q);
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

/* Was CAA looked at, and did it allow what it was asked for? */
static bool has_caa(const struct order_desk_question *q)
{
    return q->good && q->check.purpose == VALIDATE_CONTROL &&
           q->check.caa_identities[0] != '\0' &&
           q->check.identifier_type == IDENTIFIER_DNS;
}

/* Which method proved what, or did not (BR 3.2.2.4, 5.4.1). */
static void note_verdict(struct order_desk_question *q)
{
    const char *requirement =
        evidence_requirement(q->check.type, q->check.identifier_type);

    log_event(LOG_LEVEL_INFO, "order.validated",
              "authz=%lld account=%lld identifier=%s%s method=%s requirement=%s "
              "result=%s quorum=%s",
              (long long)q->id, (long long)q->account_id, q->check.wildcard ? "*." : "",
              log_value(q->arena, q->check.identifier),
              terms_challenge_type(q->check.type),
              requirement != NULL ? requirement : "none", q->good ? "valid" : "invalid",
              q->jury != NULL ? quorum_outcome_word(q->jury->outcome) : "none");
    q->noted = true; /* not again when the store has failed */
}

/* The same for the audit log, which depends on nothing else: it is written with what the
 * store records. */
static void audit_verdict(const struct order_desk_question *q, struct arena *a,
                          struct store_session *session)
{
    const char *evidence = order_desk_jury_evidence(q, a, false);
    const char *requirement =
        evidence_requirement(q->check.type, q->check.identifier_type);
    struct audit_line l;

    audit_begin(&l, AUDIT_VALIDATION);
    json_write_number(&l.w, "authz", q->id);
    json_write_number(&l.w, "account", q->account_id);
    json_write_text(&l.w, "identifier_type",
                    terms_identifier_type(q->check.identifier_type));
    json_write_text(&l.w, "identifier", q->check.identifier);
    json_write_bool(&l.w, "wildcard", q->check.wildcard);
    json_write_text(&l.w, "method", terms_challenge_type(q->check.type));
    if (requirement != NULL)
        json_write_text(&l.w, "requirement", requirement);
    json_write_text(&l.w, "result", q->good ? "valid" : "invalid");
    json_write_text(&l.w, "quorum",
                    q->jury != NULL ? quorum_outcome_word(q->jury->outcome) : "none");
    if (!q->good && q->error != NULL)
        json_write_raw(&l.w, "problem", span_of(q->error));
    if (evidence != NULL)
        audit_digest(&l, "evidence_sha256", span_of(evidence));
    audit_end(&l, session);
}

static enum err record_verdict(struct order_desk_question *q,
                               struct store_session *session)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    int64_t now = clock_now();
    enum err result = ERR_OK;

    if (q->jury != NULL)
        order_desk_jury_conclude(q);
    if (q->round != NULL)
        return note_failure(q, order_desk_caa_record(q, session, &why), &why);
    store_notes_hold(session);
    audit_verdict(q, a, session); /* again, if it was undone with the verdict */
    /* first: if only this gets onto the disk, the proof is looked for again */
    if (q->good && q->until != 0)
        result = store_authz_shorten(session, q->id, q->until, now, &why);
    if (result == ERR_OK)
        result = store_attempt_finish(
            session, q->id, (int)q->check.type,
            q->good ? STORE_VERDICT_VALID : STORE_VERDICT_INVALID, q->error,
            order_desk_jury_evidence(q, a, false), now, &why);
    if (result == ERR_OK && has_caa(q))
        result = store_caa_authz(session, q->id, now, &why);
    store_notes_release(session);
    result = note_failure(q, result, &why);
    if (result == ERR_OK && !q->noted)
        note_verdict(q);
    /* what only the CA's own perspectives failed at is not held against the account */
    bool counts = q->jury == NULL || q->good || !q->jury->panel->enforced ||
                  q->jury->outcome != QUORUM_UNANSWERED;

    const struct identifier identifier = {q->check.identifier_type, q->check.identifier};
    if (result == ERR_OK && counts && q->desk->limits != NULL)
        limit_rules_validated(q->desk->limits, session, q->account_id,
                              identifier_text(a, &identifier), q->good);
    return result;
}

/* The limits count certificates, and know of which there is one; what the CA renews by
 * itself (RFC 8739) was spent by nobody, and is given back to nobody. What cannot be told
 * to them is no reason to fail. */
static void tell_limits(const struct order_desk_question *q,
                        struct store_session *session)
{
    struct limit *l = q->desk->limits;
    struct store_order *order = NULL;
    struct err_info why = {0};

    if (l == NULL || (!limit_is_on(l, RATE_CERTIFICATES_PER_DOMAIN) &&
                      !limit_is_on(l, RATE_CERTIFICATES_PER_SET)))
        return;
    AUTO(arena) struct arena *a = arena_new();
    enum err result = store_order_by_id(session, a, q->flight_key, &order, &why);
    if (result == ERR_OK) {
        const struct limit_rules_order wish = {
            .account_id = order->account_id,
            .identifiers = order->identifiers,
            .count = order->identifier_count,
        };
        if (!q->good && (order->issuance == NULL || order->issuance->waiting))
            limit_rules_refused(l, session, &wish);
        else if (q->good && order->issuance != NULL)
            result =
                limit_rules_issued(l, session, &wish, order->issuance->not_after, &why);
    }
    if (result != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "order.limits_not_told", "order=%lld why=" LOG_QUOTE,
                  (long long)q->flight_key, why.detail);
}

/* What stands behind the certificate; by now, if its issuer was taken away meanwhile. */
static struct span chain_of(const struct order_desk_question *q)
{
    const struct issuer_set *issuers = atomic_load(&q->desk->issuers);
    const struct issuer *issuer = issuer_set_of_certificate(issuers, q->certificate);

    return issuer != NULL ? issuer->chain_der : issuers->issuers[0].chain_der;
}

/* What was revoked meanwhile is on its issuer's list, whether it is signed or not, and
 * nobody gets it any more. */
static void set_revoked(struct order_desk_question *q)
{
    struct err_info why = {0};

    (void)err_set(&why, ERR_UNAUTHORIZED,
                  "the certificate was revoked while it was being signed");
    q->good = false;
    q->error = problem_text(q->arena, &why);
}

/* A line for what the signer said, or for what became of it. */
static void audit_signature(const struct order_desk_question *q,
                            struct store_session *session)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_CERTIFICATE);
    json_write_number(&l.w, "issuance", q->id);
    json_write_number(&l.w, "order", q->flight_key);
    if (q->good)
        audit_digest(&l, "certificate_sha256", q->certificate);
    else if (q->error != NULL)
        json_write_raw(&l.w, "problem", span_of(q->error));
    json_write_text(&l.w, "result", q->good ? "signed" : "refused");
    audit_end(&l, session);
}

static enum err record_signature(struct order_desk_question *q,
                                 struct store_session *session)
{
    struct err_info why = {0};
    enum err result;

    store_notes_hold(session);
    audit_signature(q, session);
    if (!order_desk_logs_is_last(q))
        result = order_desk_logs_record(q, session, &why);
    else if (q->good)
        result = store_issuance_finish(session, q->id, q->certificate, chain_of(q), &why);
    else
        result = store_issuance_refuse(session, q->id, q->error, &why);
    if (result == ERR_ALREADY_REVOKED) {
        set_revoked(q);
        audit_signature(q, session);
        result = store_issuance_refuse(session, q->id, q->error, &why);
    }
    store_notes_release(session);
    if (result == ERR_OK && (order_desk_logs_is_last(q) || order_desk_logs_stalled(q)))
        tell_limits(q, session);
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
                                               enum order_desk_kind kind, int64_t id,
                                               struct span certificate)
{
    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, kind, id);
    if (q != NULL && (q->answered || order_desk_logs_asks(q) ||
                      order_desk_logs_is_late(q, certificate)))
        q = NULL;
    if (q != NULL) {
        q->answered = true;
        order_desk_set_postponed(q, false);
    }
    pthread_mutex_unlock(&desk->lock);
    return q;
}

void order_desk_queue_answer(struct order_desk_question *q)
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
                order_desk_queue_answer(q);
            }
        }
    }
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_proof_ends(struct order_desk *desk, int64_t authz_id, int64_t until)
{
    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_CHECK, authz_id);
    if (q != NULL && !q->answered)
        q->until = until;
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_verdict(struct order_desk *desk, int64_t authz_id, bool valid,
                        const char *error, const char *record)
{
    bool decided = false;

    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_CHECK, authz_id);
    if (q != NULL && !q->answered && q->ended_ms == 0) {
        order_desk_set_postponed(q, false);
        q->good = valid;
        q->error = error != NULL ? arena_string(q->arena, error) : NULL;
        q->record = record != NULL ? arena_string(q->arena, record) : NULL;
        q->ended_ms = clock_now_ms();
        decided = q->jury == NULL || order_desk_jury_is_done(q);
        q->answered = decided;
    }
    pthread_mutex_unlock(&desk->lock);
    if (decided)
        order_desk_queue_answer(q);
}

void order_desk_trouble(struct order_desk *desk, int64_t authz_id, const char *problem,
                        int64_t wait_ms)
{
    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_CHECK, authz_id);
    if (q != NULL && !q->answered && q->trouble_count < TROUBLES_MAX) {
        q->trouble = arena_string(q->arena, problem);
        q->troubles = q->trouble_count == 0
                          ? q->trouble
                          : arena_printf(q->arena, "%s,%s", q->troubles, problem);
        q->trouble_count++;
        q->next_query_us = clock_monotonic_us() + wait_ms * 1000;
    }
    pthread_mutex_unlock(&desk->lock);
}

const char *order_desk_troubles(struct order_desk *desk, struct arena *a,
                                int64_t authz_id, int64_t *seconds)
{
    const char *text = NULL;

    if (desk == NULL)
        return NULL;
    pthread_mutex_lock(&desk->lock);
    const struct order_desk_question *q =
        *order_desk_find(desk, ORDER_DESK_CHECK, authz_id);
    if (q != NULL && q->trouble != NULL) {
        int64_t left = q->next_query_us - clock_monotonic_us();
        *seconds = 1 + (left > 0 ? left / 1000000 : 0);
        text = arena_printf(a, "%.*s,\"subproblems\":[%s]}", (int)strlen(q->trouble) - 1,
                            q->trouble, q->troubles);
    }
    pthread_mutex_unlock(&desk->lock);
    return text;
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
    struct order_desk_question *q =
        take_answer(desk, ORDER_DESK_SIGN, issuance_id, certificate);
    struct err_info why = {0};

    if (q == NULL)
        return;
    if (!is_of(certificate, q->sign.tbs)) {
        log_event(LOG_LEVEL_ERROR, "order.wrong_certificate", "issuance=%lld",
                  (long long)issuance_id);
        (void)err_set(&why, ERR_INTERNAL, "the signer sent another certificate");
        q->good = false;
        q->error = problem_text(q->arena, &why);
        order_desk_queue_answer(q);
        return;
    }
    q->good = true;
    q->certificate = arena_span(q->arena, certificate);
    order_desk_queue_answer(q);
}

void order_desk_refused(struct order_desk *desk, int64_t issuance_id, const char *error)
{
    struct order_desk_question *q =
        take_answer(desk, ORDER_DESK_SIGN, issuance_id, span_make(NULL, 0));

    if (q == NULL)
        return;
    q->good = false;
    q->error = arena_string(q->arena, error);
    order_desk_queue_answer(q);
}

/* ---- what was revoked before it was signed ---- */

/* Not to be asked any more. With the lock held. */
static void refuse_revoked(struct order_desk_question *q)
{
    set_revoked(q);
    q->answered = true;
    order_desk_set_postponed(q, false);
    order_desk_queue_answer(q);
}

void order_desk_file_revoked(struct order_desk *desk, struct order_desk_question *q)
{
    *order_desk_find(desk, q->kind, q->id) = q;
    desk->counts[q->kind]++;
    refuse_revoked(q);
}

/* Ids of what waits for the signer or for logs. */
static int64_t *unsigned_ids(struct order_desk *desk, struct arena *a, size_t *count)
{
    size_t used = 0;

    pthread_mutex_lock(&desk->lock);
    int64_t *ids = arena_array(a, desk->counts[ORDER_DESK_SIGN], sizeof *ids);
    for (size_t i = 0; i < ORDER_DESK_BUCKETS; i++)
        for (const struct order_desk_question *q = desk->buckets[ORDER_DESK_SIGN][i];
             q != NULL; q = q->next)
            if (!q->answered)
                ids[used++] = q->id;
    pthread_mutex_unlock(&desk->lock);
    *count = used;
    return ids;
}

void order_desk_give_up_revoked(struct order_desk *desk, struct store_session *session)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    size_t count = 0;
    const int64_t *ids = unsigned_ids(desk, a, &count);

    for (size_t i = 0; i < count; i++) {
        if (store_revocation_check(session, ids[i], &why) != ERR_ALREADY_REVOKED)
            continue;
        pthread_mutex_lock(&desk->lock);
        struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_SIGN, ids[i]);
        if (q != NULL && !q->answered)
            refuse_revoked(q);
        pthread_mutex_unlock(&desk->lock);
    }
}
