/* The desk: questions under way. */
#include "server/order/order_desk_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/acme/key_authorization.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/order/order_state.h"

#define RECOVER_AT_ONCE                                                                  \
    10000 /* unfinished rows taken up at a start; the rest at the next */

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

void order_desk_question_free(struct order_desk_question *q)
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
        for (size_t i = 0; i < ORDER_DESK_BUCKETS; i++) {
            while (desk->buckets[kind][i] != NULL) {
                struct order_desk_question *q = desk->buckets[kind][i];
                desk->buckets[kind][i] = q->next;
                order_desk_question_free(q);
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

static struct order_desk_question *question_new(struct order_desk *desk,
                                                enum order_desk_kind kind, int64_t id,
                                                int64_t flight_key)
{
    struct order_desk_question *q = memory_get_zeroed(1, sizeof *q);

    q->desk = desk;
    q->kind = kind;
    q->id = id;
    q->flight_key = flight_key;
    q->arena = arena_new();
    return q;
}

struct order_desk_question **order_desk_find(struct order_desk *desk,
                                             enum order_desk_kind kind, int64_t id)
{
    struct order_desk_question **link =
        &desk->buckets[kind][(uint64_t)id % ORDER_DESK_BUCKETS];

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

void order_desk_set_postponed(struct order_desk_question *q, bool postponed)
{
    if (postponed && !q->postponed)
        q->desk->postponed++;
    if (!postponed && q->postponed)
        q->desk->postponed--;
    q->postponed = postponed;
}

/* With the lock held. */
static void ask(struct order_desk *desk, struct order_desk_question *q)
{
    bool sent = q->kind == ORDER_DESK_CHECK
                    ? desk->ports.check(desk->ports.context, &q->check)
                    : desk->ports.sign(desk->ports.context, &q->sign);

    order_desk_set_postponed(q, !sent);
}

/* Put on record, then ask: under the lock, so that a restart's ask_again comes before or
 * after. */
static void file_and_ask(struct order_desk *desk, struct order_desk_question *q)
{
    pthread_mutex_lock(&desk->lock);
    *order_desk_find(desk, q->kind, q->id) = q;
    desk->counts[q->kind]++;
    ask(desk, q);
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_ask_again(struct order_desk *desk, bool validator, bool signer)
{
    pthread_mutex_lock(&desk->lock);
    for (int kind = 0; kind < 2; kind++) {
        if (!(kind == ORDER_DESK_CHECK ? validator : signer))
            continue;
        for (size_t i = 0; i < ORDER_DESK_BUCKETS; i++)
            for (struct order_desk_question *q = desk->buckets[kind][i]; q != NULL;
                 q = q->next)
                if (!q->answered)
                    ask(desk, q);
    }
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_ask_postponed(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    size_t left = desk->postponed;
    for (int kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < ORDER_DESK_BUCKETS && left > 0; i++)
            for (struct order_desk_question *q = desk->buckets[kind][i]; q != NULL;
                 q = q->next) {
                if (!q->postponed)
                    continue;
                left--;
                ask(desk, q);
            }
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_postpone(struct order_desk *desk, int64_t issuance_id)
{
    pthread_mutex_lock(&desk->lock);
    struct order_desk_question *q = *order_desk_find(desk, ORDER_DESK_SIGN, issuance_id);
    if (q != NULL && !q->answered)
        order_desk_set_postponed(q, true);
    pthread_mutex_unlock(&desk->lock);
}

void order_desk_wait_for_store(struct order_desk_question *q, store_ticket_number ticket,
                               void (*done)(void *argument, enum err result))
{
    pthread_mutex_lock(&q->desk->lock);
    q->desk->in_store++;
    pthread_mutex_unlock(&q->desk->lock);
    store_when_durable(q->desk->store, ticket, done, q);
}

void order_desk_told(struct order_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->in_store--;
    pthread_cond_signal(&desk->told);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- questions ---- */

static bool is_full(struct order_desk *desk, enum order_desk_kind kind, size_t most)
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
    if (is_full(desk, ORDER_DESK_CHECK, ORDER_DESK_CHECKS_MAX)) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many validations are under way");
        why->retry_after_seconds = 5;
        return ERR_UNAVAILABLE;
    }
    if (!flight_begin(desk->validations, authz->id))
        return ERR_OK;
    struct order_desk_question *q =
        question_new(desk, ORDER_DESK_CHECK, authz->id, authz->id);
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
    struct order_desk_question *q = argument;
    struct order_desk *desk = q->desk;

    if (result == ERR_OK) {
        file_and_ask(desk, q);
    } else {
        flight_land(desk->issuances, q->flight_key);
        order_desk_question_free(q);
    }
    order_desk_told(desk);
}

enum err order_desk_issue(struct order_desk *desk, struct store_session *session,
                          struct store_issuance *issuance, struct err_info *why)
{
    if (is_full(desk, ORDER_DESK_SIGN, ORDER_DESK_SIGNS_MAX)) {
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
    struct order_desk_question *q =
        question_new(desk, ORDER_DESK_SIGN, issuance->id, issuance->order_id);
    q->sign.issuance_id = issuance->id;
    q->sign.tbs = arena_span(q->arena, issuance->tbs);
    order_desk_wait_for_store(q, store_session_ticket(session), issuance_durable);
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
        struct order_desk_question *q =
            question_new(desk, ORDER_DESK_SIGN, rows[i].id, rows[i].order_id);
        q->sign.issuance_id = rows[i].id;
        q->sign.tbs = arena_span(q->arena, rows[i].tbs);
        file_and_ask(desk, q);
    }
    return ERR_OK;
}
