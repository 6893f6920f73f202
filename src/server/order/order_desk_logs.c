/* Timestamps of logs for what the desk has signed. */
#include "server/order/order_desk_logs.h"
#include "core/crypto/der_read.h"

#include <string.h>

#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/x509/certificate.h"
#include "server/issue/issuer.h"
#include "server/order/order_desk_logs_private.h"
#include "server/transparency/precertificate.h"
#include "server/transparency/sct.h"

#define NEXT_US       1000000 /* a log that is so slow is not waited for alone */
#define GRACE_US      2000000 /* the validator says itself when the time is over */
#define FUTURE_MS     10000   /* by which a log's clock may be fast */
#define PAST_MS       60000   /* or slow */
#define RETRY_SECONDS 30
#define REASON_MAX    160 /* octets of each log's reason in the refusal */

void order_desk_logs_set(struct order_desk *desk, const struct log_board *board)
{
    pthread_mutex_lock(&desk->lock);
    desk->board = board;
    pthread_mutex_unlock(&desk->lock);
}

/* ---- steps ---- */

void order_desk_logs_new(struct order_desk_question *q)
{
    q->logs = arena_get(q->arena, sizeof *q->logs);
    q->logs->step = ORDER_DESK_STEP_PRE;
    q->sign.kind = LINT_PRECERTIFICATE;
}

bool order_desk_logs_asks(const struct order_desk_question *q)
{
    return q->logs != NULL && q->logs->step == ORDER_DESK_STEP_LOGS;
}

/* What stands behind the precertificate, root included, as far as there is room: logs
 * find the root themselves. */
struct span order_desk_logs_chain(struct arena *a, const struct issuer *issuer,
                                  struct span der)
{
    struct span root = {0};
    size_t count = 0;

    if (certificate_from_pem(a, issuer->root_pem, &root, 1, &count, NULL) != ERR_OK)
        root = span_make(NULL, 0);
    const size_t len = der.len + issuer->chain_der.len;
    if (len + root.len > ORDER_DESK_CHAIN_MAX ||
        (root.len <= issuer->chain_der.len &&
         span_equal(root, span_slice(issuer->chain_der, issuer->chain_der.len - root.len,
                                     root.len))))
        root.len = 0;
    uint8_t *chain = arena_get(a, len + root.len);
    memcpy(chain, der.data, der.len);
    memcpy(chain + der.len, issuer->chain_der.data, issuer->chain_der.len);
    if (root.len > 0)
        memcpy(chain + len, root.data, root.len);
    return span_make(chain, len + root.len);
}

static enum err read_precertificate(struct order_desk_question *q, struct span der,
                                    struct err_info *why)
{
    struct order_desk_logs *l = q->logs;
    struct certificate *own = NULL;
    struct certificate *above = NULL;
    uint32_t begun = 0;

    TRY(certificate_read(q->arena, der, &own, why));
    const struct issuer *issuer = issuer_set_of_certificate(q->desk->issuers, der);
    if (issuer == NULL)
        return err_set(why, ERR_NOT_FOUND, "its issuer is not there any more");
    struct der_reader r = der_read_start(issuer->chain_der, 1);
    TRY(certificate_read(q->arena, der_read_element(&r), &above, why));
    hash_sha256(above->spki, l->issuer_key_hash);
    TRY(precertificate_entry(q->arena, own->tbs, &l->entry, why));
    l->chain = order_desk_logs_chain(q->arena, issuer, der);
    l->precertificate = span_slice(l->chain, 0, der.len);
    l->not_before = own->not_before;
    l->not_after = own->not_after;
    if (serial_read_time(own->serial, &begun)) /* when it was made */
        l->earliest_ms = (int64_t)begun * 1000 - PAST_MS;
    q->sign.tbs = arena_span(q->arena, own->tbs);
    return ERR_OK;
}

void order_desk_logs_begin(struct order_desk_question *q, struct span der)
{
    struct order_desk_logs *l = q->logs;
    struct log_board_list list = {.count = 0};
    struct err_info why = {0};
    const int64_t now_us = clock_monotonic_us();

    l->step = ORDER_DESK_STEP_LOGS;
    l->board = q->desk->board;
    l->count = 0;
    l->until_us = now_us + GRACE_US;
    l->next_us = now_us + NEXT_US;
    /* its issuer may have been taken away, or its logs */
    if (read_precertificate(q, der, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "order.precertificate_stuck",
                  "issuance=%lld why=" LOG_QUOTE, (long long)q->id, why.detail);
        return;
    }
    if (l->board == NULL)
        return;
    l->until_us += l->board->settings->ct_timeout * 1000;
    log_board_choose(l->board, q->sign.profile, l->not_before, l->not_after, &list);
    for (size_t i = 0; i < list.count; i++)
        l->tries[l->count++] = (struct order_desk_log_try){.place = list.places[i]};
}

void order_desk_logs_go_on(struct order_desk_question *q, struct span final)
{
    q->logs->step = ORDER_DESK_STEP_FINAL;
    q->logs->final = arena_span(q->arena, final);
    q->sign.kind = LINT_CERTIFICATE;
    q->sign.tbs = q->logs->final;
}

/* ---- asking ---- */

const char *order_desk_logs_name(const struct order_desk_logs *l,
                                 const struct order_desk_log_try *t)
{
    return l->board->logs[t->place].settings->name;
}

/* Why each of them gave nothing, or that none takes such a certificate. */
static void tell_trouble(struct order_desk_question *q)
{
    const struct order_desk_logs *l = q->logs;
    struct arena *a = arena_new();
    struct err_info *why = arena_get(a, sizeof *why);
    const char *text = "";

    for (size_t i = 0; i < l->count; i++) {
        const struct order_desk_log_try *t = &l->tries[i];
        if (t->timestamp.len > 0 || !t->asked)
            continue;
        text = arena_printf(a, "%s%s%s: %.*s", text, text[0] != '\0' ? "; " : "",
                            order_desk_logs_name(l, t), REASON_MAX,
                            t->why != NULL ? t->why : "no answer in time");
    }
    (void)err_set(why, ERR_UNAVAILABLE,
                  "logs of Certificate Transparency gave too few timestamps, finalize "
                  "again later: %s",
                  text[0] != '\0' ? text : "none is there for this certificate");
    why->retry_after_seconds = RETRY_SECONDS;
    log_event(LOG_LEVEL_WARNING, "order.too_few_timestamps",
              "order=%lld issuance=%lld why=" LOG_QUOTE, (long long)q->flight_key,
              (long long)q->id, why->detail);
    order_desk_caa_keep_trouble(q->desk, q->flight_key, a, why);
}

/* With the lock held. */
static void stall(struct order_desk_question *q)
{
    q->logs->step = ORDER_DESK_STEP_STALL;
    q->good = false;
    q->answered = true;
    order_desk_set_postponed(q, false);
    tell_trouble(q);
    order_desk_queue_answer(q);
}

static void good_ones(const struct order_desk_logs *l, bool and_asked,
                      struct log_board_list *list)
{
    list->count = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct order_desk_log_try *t = &l->tries[i];
        if (t->timestamp.len > 0 || (and_asked && t->asked && !t->ended))
            list->places[list->count++] = t->place;
    }
}

static bool suffices(const struct order_desk_logs *l, const struct log_board_list *list)
{
    return log_board_suffices(l->board, list, l->not_before, l->not_after);
}

static struct order_desk_log_try *next_try(struct order_desk_logs *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (!l->tries[i].asked)
            return &l->tries[i];
    return NULL;
}

/* As many are asked as would do if all of them answered; one more with `more`. */
static void choose_more(struct order_desk_logs *l, bool more)
{
    struct log_board_list list;
    struct order_desk_log_try *t;

    for (;;) {
        good_ones(l, true, &list);
        if ((suffices(l, &list) && !more) || (t = next_try(l)) == NULL)
            return;
        t->asked = true;
        more = false;
    }
}

static bool is_awaited(const struct order_desk_logs *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->tries[i].asked && !l->tries[i].ended)
            return true;
    return false;
}

bool order_desk_logs_ask(struct order_desk_question *q)
{
    struct order_desk_logs *l = q->logs;
    bool all = true;

    if (l->board != NULL)
        choose_more(l, false);
    if (!is_awaited(l)) {
        stall(q);
        return true;
    }
    for (size_t i = 0; i < l->count; i++) {
        struct order_desk_log_try *t = &l->tries[i];
        if (!t->asked || t->sent || t->ended)
            continue;
        const struct order_desk_submission s = {q->id, order_desk_logs_name(l, t), false,
                                                l->chain};
        t->sent = q->desk->ports.submit(q->desk->ports.context, &s);
        all = all && t->sent;
    }
    return all;
}

void order_desk_logs_forget_sent(struct order_desk_question *q)
{
    for (size_t i = 0; i < q->logs->count; i++)
        q->logs->tries[i].sent = false;
}

void order_desk_logs_look(struct order_desk_question *q)
{
    struct order_desk_logs *l = q->logs;
    const int64_t now_us = clock_monotonic_us();

    if (q->answered || l->step != ORDER_DESK_STEP_LOGS)
        return;
    if (now_us >= l->until_us) {
        stall(q);
    } else if (now_us >= l->next_us) {
        l->next_us = now_us + NEXT_US;
        choose_more(l, true);
        order_desk_set_postponed(q, !order_desk_logs_ask(q));
    }
}

/* ---- answers ---- */

/* X-CT-4: by whom, about what, and when. */
static enum err judge(struct span timestamp, const struct log_board_log *log,
                      const struct sct_entry *entry, int64_t earliest_ms,
                      struct err_info *why)
{
    struct sct sct;

    TRY(sct_read(timestamp, &sct, why));
    TRY(sct_verify(&sct, log->key, log->settings->id, entry, why));
    if (sct.timestamp > (uint64_t)(clock_now_ms() + FUTURE_MS))
        return err_set(why, ERR_UNAUTHORIZED, "the timestamp lies in the future");
    if (earliest_ms > 0 && sct.timestamp < (uint64_t)earliest_ms)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the timestamp is older than the precertificate");
    return ERR_OK;
}

/* With the lock held: who is awaited. */
static struct order_desk_log_try *find_try(struct order_desk *desk, int64_t id,
                                           const char *log,
                                           struct order_desk_question **found)
{
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_SIGN, id);

    if (q == NULL || q->answered || !order_desk_logs_asks(q))
        return NULL;
    for (size_t i = 0; i < q->logs->count; i++) {
        struct order_desk_log_try *t = &q->logs->tries[i];
        if (t->asked && !t->ended && strcmp(order_desk_logs_name(q->logs, t), log) == 0) {
            *found = q;
            return t;
        }
    }
    return NULL;
}

/* No more than are needed: each makes the certificate larger. */
static struct span list_of(struct arena *a, const struct order_desk_logs *l)
{
    struct span list[SCT_LIST_MAX];
    struct log_board_list kept;
    size_t count = 0;

    good_ones(l, false, &kept);
    for (size_t i = kept.count; i > 0; i--) {
        struct log_board_list less = kept;
        memmove(&less.places[i - 1], &less.places[i],
                (less.count - i) * sizeof less.places[0]);
        less.count--;
        if (suffices(l, &less))
            kept = less;
    }
    for (size_t i = 0; i < l->count && count < SCT_LIST_MAX; i++)
        for (size_t j = 0; j < kept.count; j++)
            if (kept.places[j] == l->tries[i].place)
                list[count++] = l->tries[i].timestamp;
    return sct_list_write(a, list, count);
}

/* Enough of them: what is made of the precertificate is decided. With the lock held. */
static void stamp(struct order_desk_question *q)
{
    struct order_desk_logs *l = q->logs;
    struct err_info why = {0};

    const struct span list = list_of(q->arena, l);
    q->good =
        precertificate_stamp(q->arena, q->sign.tbs, list, &l->final, &why) == ERR_OK;
    if (!q->good)
        q->error = problem_text(q->arena, &why);
    l->step = ORDER_DESK_STEP_STAMP;
    q->answered = true;
    order_desk_set_postponed(q, false);
    order_desk_queue_answer(q);
}

/* With the lock held. */
static void take(struct order_desk_question *q, struct order_desk_log_try *t,
                 enum err code, const char *detail, struct span timestamp)
{
    struct log_board_list list;

    t->ended = true;
    if (code == ERR_OK)
        t->timestamp = arena_span(q->arena, timestamp);
    else
        t->why = arena_string(q->arena, detail);
    good_ones(q->logs, false, &list);
    if (suffices(q->logs, &list))
        stamp(q);
    else
        order_desk_set_postponed(q, !order_desk_logs_ask(q));
}

void order_desk_logs_answered(struct order_desk *desk, int64_t issuance_id,
                              const char *log, enum err code, const char *detail,
                              struct span timestamp)
{
    AUTO(arena) struct arena *a = arena_new();
    struct order_desk_question *q = NULL;
    uint8_t issuer_key_hash[HASH_SHA256_SIZE];
    struct sct_entry entry = {issuer_key_hash, {0}};
    struct err_info why = {0};

    pthread_mutex_lock(&desk->lock);
    struct order_desk_log_try *t = find_try(desk, issuance_id, log, &q);
    const struct log_board_log *of = t != NULL ? &q->logs->board->logs[t->place] : NULL;
    const int64_t earliest_ms = t != NULL ? q->logs->earliest_ms : 0;
    if (t != NULL) {
        memcpy(issuer_key_hash, q->logs->issuer_key_hash, sizeof issuer_key_hash);
        entry.octets = arena_span(a, q->logs->entry);
    }
    pthread_mutex_unlock(&desk->lock);
    if (t == NULL)
        return;
    /* a signature is verified without the lock */
    if (code == ERR_OK && judge(timestamp, of, &entry, earliest_ms, &why) != ERR_OK) {
        code = why.code;
        detail = why.detail;
    }
    if (code != ERR_OK)
        log_event(LOG_LEVEL_NOTICE, "order.no_timestamp",
                  "issuance=%lld log=%s why=" LOG_QUOTE, (long long)issuance_id, log,
                  detail);
    pthread_mutex_lock(&desk->lock);
    t = find_try(desk, issuance_id, log, &q);
    if (t != NULL)
        take(q, t, code, detail, timestamp);
    pthread_mutex_unlock(&desk->lock);
}

enum err order_desk_logs_trouble(struct order_desk *desk, struct arena *a,
                                 int64_t order_id, struct err_info *why)
{
    (void)err_set(why, ERR_UNAVAILABLE,
                  "logs of Certificate Transparency gave too few timestamps, finalize "
                  "again later");
    why->retry_after_seconds = RETRY_SECONDS;
    order_desk_caa_recall_trouble(desk, a, order_id, why);
    return ERR_UNAVAILABLE;
}
