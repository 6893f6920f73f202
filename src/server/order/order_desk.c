/* The desk: questions under way, and the jobs that record their answers. */
#include "server/order/order_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/key_authorization.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/order/order_state.h"

#define DESK_BUCKETS 4096
#define RECOVER_AT_ONCE                                                                  \
    10000 /* unfinished rows taken up at a start; the rest at the next */

enum question_kind { QUESTION_CHECK, QUESTION_SIGN };

/* One question, from being asked to its answer being on disk. */
struct question {
    struct work_job job; /* first: the answer's */
    struct order_desk *desk;
    struct question *next;
    enum question_kind kind;
    int64_t id;         /* authorization or issuance */
    int64_t flight_key; /* authorization or order */
    bool answered;
    bool unrecorded;          /* its answer could not be stored: once more, later */
    store_ticket_number seen; /* the batch a check was asked because of */
    struct arena *arena;      /* holds all texts */
    struct order_desk_check check;
    struct order_desk_sign sign;
    bool good;
    const char *error;
    const char *record;
    struct span certificate;
};

struct order_desk {
    struct store *store;
    struct work_pool *workers;
    struct order_desk_ports ports;
    struct span issuers;
    struct arena *arena;
    struct flight_table *validations;
    struct flight_table *issuances;
    pthread_mutex_t lock;
    pthread_cond_t told; /* by the store */
    size_t in_store;     /* questions the store will call back for */
    size_t unrecorded;
    size_t counts[2];
    struct question *buckets[2][DESK_BUCKETS];
};

struct order_desk *order_desk_new(struct store *store, struct work_pool *workers,
                                  const struct order_desk_ports *ports,
                                  struct span issuers)
{
    struct order_desk *desk = memory_get_zeroed(1, sizeof *desk);

    desk->store = store;
    desk->workers = workers;
    desk->ports = *ports;
    desk->arena = arena_new();
    desk->issuers = arena_span(desk->arena, issuers);
    desk->validations = flight_table_new();
    desk->issuances = flight_table_new();
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->told, NULL);
    return desk;
}

static void question_free(struct question *q)
{
    arena_free(q->arena);
    free(q);
}

void order_desk_free(struct order_desk *desk)
{
    if (desk == NULL)
        return;
    pthread_mutex_lock(&desk->lock);
    while (desk->in_store > 0)
        pthread_cond_wait(&desk->told, &desk->lock);
    pthread_mutex_unlock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < DESK_BUCKETS; i++) {
            while (desk->buckets[kind][i] != NULL) {
                struct question *q = desk->buckets[kind][i];
                desk->buckets[kind][i] = q->next;
                question_free(q);
            }
        }
    }
    flight_table_free(desk->validations);
    flight_table_free(desk->issuances);
    arena_free(desk->arena);
    pthread_cond_destroy(&desk->told);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

struct flight_table *order_desk_validations(struct order_desk *desk)
{
    return desk->validations;
}

struct flight_table *order_desk_issuances(struct order_desk *desk)
{
    return desk->issuances;
}

static struct question *question_new(struct order_desk *desk, enum question_kind kind,
                                     int64_t id, int64_t flight_key)
{
    struct question *q = memory_get_zeroed(1, sizeof *q);

    q->desk = desk;
    q->kind = kind;
    q->id = id;
    q->flight_key = flight_key;
    q->arena = arena_new();
    return q;
}

static struct question **find(struct order_desk *desk, enum question_kind kind,
                              int64_t id)
{
    struct question **link = &desk->buckets[kind][(uint64_t)id % DESK_BUCKETS];

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

static void ask(struct order_desk *desk, const struct question *q)
{
    if (q->kind == QUESTION_CHECK)
        desk->ports.check(desk->ports.context, &q->check);
    else
        desk->ports.sign(desk->ports.context, &q->sign);
}

/* Put on record, then ask: under the lock, so that a restart's ask_again comes before or
 * after. */
static void file_and_ask(struct order_desk *desk, struct question *q)
{
    pthread_mutex_lock(&desk->lock);
    *find(desk, q->kind, q->id) = q;
    desk->counts[q->kind]++;
    ask(desk, q);
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_ask_again(struct order_desk *desk, bool validator, bool signer)
{
    pthread_mutex_lock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        if (!(kind == QUESTION_CHECK ? validator : signer))
            continue;
        for (size_t i = 0; i < DESK_BUCKETS; i++)
            for (struct question *q = desk->buckets[kind][i]; q != NULL; q = q->next)
                if (!q->answered)
                    ask(desk, q);
    }
    pthread_mutex_unlock(&desk->lock);
}

/* ---- what waits for the store ---- */

/* Hand a question to the store; told() must be called when it comes back. */
static void wait_for_store(struct question *q, store_ticket_number ticket,
                           void (*done)(void *argument, enum err result))
{
    pthread_mutex_lock(&q->desk->lock);
    q->desk->in_store++;
    pthread_mutex_unlock(&q->desk->lock);
    store_when_durable(q->desk->store, ticket, done, q);
}

static void told(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->in_store--;
    pthread_cond_signal(&desk->told);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- answers ---- */

/* It is over: whoever waits sees the facts. */
static void finish(struct question *q)
{
    struct order_desk *desk = q->desk;

    pthread_mutex_lock(&desk->lock);
    struct question **link = find(desk, q->kind, q->id);
    if (*link == q) {
        *link = q->next;
        desk->counts[q->kind]--;
    }
    pthread_mutex_unlock(&desk->lock);
    flight_land(q->kind == QUESTION_CHECK ? desk->validations : desk->issuances,
                q->flight_key);
    question_free(q);
}

/* The answer could not be stored: without it the order would hang until a restart. */
static void keep(struct question *q)
{
    pthread_mutex_lock(&q->desk->lock);
    q->unrecorded = true;
    q->desk->unrecorded++;
    pthread_mutex_unlock(&q->desk->lock);
}

static void landed(void *argument, enum err result)
{
    struct question *q = argument;
    struct order_desk *desk = q->desk;

    if (result == ERR_OK)
        finish(q);
    else
        keep(q);
    told(desk);
}

/* A conflict means that somebody decided otherwise meanwhile (a deactivation): that
 * stands. */
static enum err note_failure(const struct question *q, enum err result,
                             const struct err_info *why)
{
    if (result != ERR_OK && result != ERR_CONFLICT)
        log_event(LOG_LEVEL_ERROR, "order.record_failed", "id=%lld why=" LOG_QUOTE,
                  (long long)q->id, why->detail);
    return result;
}

static enum err record_verdict(struct question *q, struct store_session *session)
{
    struct err_info why = {0};

    return note_failure(
        q,
        store_attempt_finish(session, q->id, (int)q->check.type,
                             q->good ? STORE_VERDICT_VALID : STORE_VERDICT_INVALID,
                             q->error, q->record, clock_now(), &why),
        &why);
}

static enum err record_signature(struct question *q, struct store_session *session)
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
    struct question *q = (struct question *)(void *)job;
    struct err_info undone = {0};

    /* an authorization whose batch was undone never was: by now its number may be that of
     * another */
    if (store_wait(q->desk->store, q->seen, &undone) != ERR_OK) {
        finish(q);
        return;
    }
    store_session_begin(session);
    enum err result = q->kind == QUESTION_CHECK ? record_verdict(q, session)
                                                : record_signature(q, session);
    if (result == ERR_STORE)
        keep(q);
    else
        wait_for_store(q, store_session_ticket(session), landed);
}

/* The unanswered question of that id, marked answered; NULL if there is none. */
static struct question *take_answer(struct order_desk *desk, enum question_kind kind,
                                    int64_t id)
{
    pthread_mutex_lock(&desk->lock);
    struct question *q = *find(desk, kind, id);
    if (q != NULL && q->answered)
        q = NULL;
    if (q != NULL)
        q->answered = true;
    pthread_mutex_unlock(&desk->lock);
    return q;
}

static void queue_answer(struct question *q)
{
    q->job.run = record_answer;
    work_pool_add(q->desk->workers, &q->job);
}

void order_desk_record_again(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < DESK_BUCKETS && desk->unrecorded > 0; i++) {
            for (struct question *q = desk->buckets[kind][i]; q != NULL; q = q->next) {
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
    struct question *q = take_answer(desk, QUESTION_CHECK, authz_id);

    if (q == NULL)
        return;
    q->good = valid;
    q->error = error != NULL ? arena_string(q->arena, error) : NULL;
    q->record = record != NULL ? arena_string(q->arena, record) : NULL;
    queue_answer(q);
}

void order_desk_signed(struct order_desk *desk, int64_t issuance_id,
                       struct span certificate)
{
    struct question *q = take_answer(desk, QUESTION_SIGN, issuance_id);

    if (q == NULL)
        return;
    q->good = true;
    q->certificate = arena_span(q->arena, certificate);
    queue_answer(q);
}

void order_desk_refused(struct order_desk *desk, int64_t issuance_id, const char *error)
{
    struct question *q = take_answer(desk, QUESTION_SIGN, issuance_id);

    if (q == NULL)
        return;
    q->good = false;
    q->error = arena_string(q->arena, error);
    queue_answer(q);
}

/* ---- questions ---- */

static bool is_full(struct order_desk *desk, enum question_kind kind, size_t most)
{
    pthread_mutex_lock(&desk->lock);
    bool full = desk->counts[kind] >= most;
    pthread_mutex_unlock(&desk->lock);
    return full;
}

enum err order_desk_validate(struct order_desk *desk, const struct store_session *session,
                             const struct store_authz *authz, enum challenge_type type,
                             const uint8_t *thumbprint, struct err_info *why)
{
    if (is_full(desk, QUESTION_CHECK, ORDER_DESK_CHECKS_MAX)) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many validations are under way");
        why->retry_after_seconds = 5;
        return ERR_UNAVAILABLE;
    }
    if (!flight_begin(desk->validations, authz->id))
        return ERR_OK;
    struct question *q = question_new(desk, QUESTION_CHECK, authz->id, authz->id);
    q->seen = store_session_ticket(session);
    q->check.authz_id = authz->id;
    q->check.type = type;
    q->check.identifier = arena_string(q->arena, authz->identifier.value);
    q->check.token = order_state_token(q->arena, authz, type);
    q->check.key_authorization =
        key_authorization_text(q->arena, q->check.token, thumbprint);
    file_and_ask(desk, q);
    return ERR_OK;
}

/* The issuance is on disk: now it may be signed. */
static void issuance_durable(void *argument, enum err result)
{
    struct question *q = argument;
    struct order_desk *desk = q->desk;

    if (result == ERR_OK) {
        file_and_ask(desk, q);
    } else {
        flight_land(desk->issuances, q->flight_key);
        question_free(q);
    }
    told(desk);
}

enum err order_desk_issue(struct order_desk *desk, struct store_session *session,
                          struct store_issuance *issuance, struct err_info *why)
{
    if (is_full(desk, QUESTION_SIGN, ORDER_DESK_SIGNS_MAX)) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many certificates are being made");
        why->retry_after_seconds = 5;
        return ERR_UNAVAILABLE;
    }
    if (!flight_begin(desk->issuances, issuance->order_id))
        return err_set(why, ERR_CONFLICT, "the order is being finalized already");
    enum err result = store_issuance_begin(session, issuance, why);
    if (result != ERR_OK) {
        flight_land(desk->issuances, issuance->order_id);
        return result;
    }
    struct question *q =
        question_new(desk, QUESTION_SIGN, issuance->id, issuance->order_id);
    q->sign.issuance_id = issuance->id;
    q->sign.tbs = arena_span(q->arena, issuance->tbs);
    wait_for_store(q, store_session_ticket(session), issuance_durable);
    return ERR_OK;
}

static enum err recover_checks(struct order_desk *desk, struct store_session *session,
                               struct arena *a, struct err_info *why)
{
    struct store_authz *rows = NULL;
    size_t count = 0;

    TRY(store_attempts_unfinished(session, a, RECOVER_AT_ONCE, &rows, &count, why));
    for (size_t i = 0; i < count; i++) {
        struct store_account *account;
        TRY(store_account_by_id(session, a, rows[i].account_id, &account, why));
        TRY(order_desk_validate(desk, session, &rows[i],
                                (enum challenge_type)rows[i].attempt_type,
                                account->thumbprint, why));
    }
    return ERR_OK;
}

enum err order_desk_recover(struct order_desk *desk, struct store_session *session,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_issuance *rows = NULL;
    size_t count = 0;

    TRY(recover_checks(desk, session, a, why));
    TRY(store_issuances_unfinished(session, a, RECOVER_AT_ONCE, &rows, &count, why));
    for (size_t i = 0; i < count; i++) {
        if (!flight_begin(desk->issuances, rows[i].order_id))
            continue;
        struct question *q =
            question_new(desk, QUESTION_SIGN, rows[i].id, rows[i].order_id);
        q->sign.issuance_id = rows[i].id;
        q->sign.tbs = arena_span(q->arena, rows[i].tbs);
        file_and_ask(desk, q);
    }
    return ERR_OK;
}
