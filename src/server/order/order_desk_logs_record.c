/* From one step to the next: each is on record before the next one begins, so that
 * another process can go on where this one ended. */
#include "core/crypto/der_read.h"
#include "server/audit/audit.h"
#include "server/issue/issuer.h"
#include "server/order/order_desk_logs_private.h"
#include "server/store/store_precertificate.h"
#include "server/transparency/precertificate.h"

/* ---- on record ---- */

/* A line for each log that was asked: what it gave, or why it gave nothing. */
static void audit_logs(const struct order_desk_question *q, struct store_session *session)
{
    const struct order_desk_logs *l = q->logs;

    for (size_t i = 0; i < l->count; i++) {
        const struct order_desk_log_try *t = &l->tries[i];
        struct audit_line line;
        if (!t->asked)
            continue;
        audit_begin(&line, AUDIT_CT_TIMESTAMP);
        json_write_number(&line.w, "issuance", q->id);
        json_write_text(&line.w, "log", order_desk_logs_name(l, t));
        json_write_text(&line.w, "result", t->timestamp.len > 0 ? "ok" : "none");
        if (t->timestamp.len > 0)
            audit_digest(&line, "timestamp_sha256", t->timestamp);
        else
            json_write_text(&line.w, "detail",
                            t->why != NULL ? t->why : "no answer so far");
        audit_end(&line, session);
    }
}

enum err order_desk_logs_record(struct order_desk_question *q,
                                struct store_session *session, struct err_info *why)
{
    enum err result = ERR_INTERNAL;

    if (q->logs->step == ORDER_DESK_STEP_STAMP || q->logs->step == ORDER_DESK_STEP_STALL)
        audit_logs(q, session);
    switch (q->logs->step) {
    case ORDER_DESK_STEP_PRE:
        result = store_precertificate_add(session, q->id, q->certificate, why);
        break;
    case ORDER_DESK_STEP_STAMP:
        result = store_precertificate_stamp(session, q->id, q->logs->final, why);
        break;
    case ORDER_DESK_STEP_STALL:
        result = store_precertificate_suspend(session, q->id, why);
        break;
    case ORDER_DESK_STEP_LOGS:
    case ORDER_DESK_STEP_FINAL:
        break;
    }
    if (result != ERR_STORE)
        q->logs->over = result != ERR_OK;
    return result;
}

bool order_desk_logs_is_last(const struct order_desk_question *q)
{
    return q->logs == NULL || q->logs->step == ORDER_DESK_STEP_FINAL ||
           (!q->good && q->logs->step != ORDER_DESK_STEP_STALL);
}

/* An answer to a question that was asked twice comes when the first one is on record. */
bool order_desk_logs_is_late(const struct order_desk_question *q, struct span certificate)
{
    struct der_reader r = der_read_start(certificate, 1);
    enum precertificate_mark mark = PRECERTIFICATE_NONE;

    if (q->logs == NULL)
        return false;
    if (q->logs->step != ORDER_DESK_STEP_FINAL)
        return q->logs->step != ORDER_DESK_STEP_PRE;
    der_read_enter(&r, DER_SEQUENCE);
    const struct span tbs = der_read_element(&r);
    return der_read_ok(&r) && precertificate_mark(tbs, &mark, NULL) == ERR_OK &&
           mark == PRECERTIFICATE_POISON;
}

bool order_desk_logs_stalled(const struct order_desk_question *q)
{
    return q->logs != NULL && q->logs->step == ORDER_DESK_STEP_STALL;
}

/* The certificate itself, to those whose timestamps it carries. */
static void show_final(struct order_desk_question *q)
{
    const struct order_desk_logs *l = q->logs;
    const struct issuer *issuer =
        issuer_set_of_certificate(q->desk->issuers, q->certificate);

    if (!q->good || l->board == NULL || !l->board->settings->ct_submit_final ||
        issuer == NULL)
        return;
    const struct span chain = order_desk_logs_chain(q->arena, issuer, q->certificate);
    for (size_t i = 0; i < l->count; i++) {
        const struct order_desk_submission s = {
            q->id, order_desk_logs_name(l, &l->tries[i]), true, chain};
        if (l->tries[i].timestamp.len > 0)
            (void)q->desk->ports.submit(q->desk->ports.context, &s);
    }
}

bool order_desk_logs_next(struct order_desk_question *q)
{
    struct order_desk *desk = q->desk;

    if (q->logs->step == ORDER_DESK_STEP_FINAL)
        show_final(q);
    if (order_desk_logs_is_last(q) || order_desk_logs_stalled(q) || q->logs->over)
        return false;
    pthread_mutex_lock(&desk->lock);
    q->answered = false;
    if (q->logs->step == ORDER_DESK_STEP_PRE)
        order_desk_logs_begin(q, q->certificate);
    else
        order_desk_logs_go_on(q, q->logs->final);
    order_desk_ask(q);
    pthread_mutex_unlock(&desk->lock);
    return true;
}

/* ---- again ---- */

enum err order_desk_logs_recover(struct order_desk_question *q,
                                 struct store_session *session, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    enum precertificate_mark mark = PRECERTIFICATE_NONE;
    struct store_precertificate *row = NULL;

    /* what is no certificate at all is refused by the signer */
    if (precertificate_mark(q->sign.tbs, &mark, NULL) != ERR_OK ||
        mark != PRECERTIFICATE_POISON)
        return ERR_OK;
    order_desk_logs_new(q);
    enum err result = store_precertificate_of(session, a, q->id, &row, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    if (row->final.len > 0)
        order_desk_logs_go_on(q, row->final);
    else
        order_desk_logs_begin(q, row->der);
    return ERR_OK;
}

enum err order_desk_logs_resume(struct order_desk *desk, struct store_session *session,
                                const struct store_issuance *issuance,
                                struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_precertificate *row = NULL;

    if (!flight_begin(desk->issuances, issuance->order_id))
        return err_set(why, ERR_CONFLICT, "the order is being finalized already");
    enum err result = store_precertificate_of(session, a, issuance->id, &row, why);
    if (result == ERR_OK)
        result = store_precertificate_resume(session, issuance, why);
    if (result != ERR_OK) {
        flight_land(desk->issuances, issuance->order_id);
        return result;
    }
    struct order_desk_question *q =
        order_desk_question_new(desk, ORDER_DESK_SIGN, issuance->id, issuance->order_id);
    q->sign.issuance_id = issuance->id;
    q->sign.profile = arena_string(q->arena, issuance->profile);
    order_desk_logs_new(q);
    order_desk_logs_begin(q, row->der);
    order_desk_wait_for_store(q, store_session_ticket(session),
                              order_desk_issuance_durable);
    return ERR_OK;
}
