/* The desk of attestations: questions under way. */
#include "server/order/attest_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/order/attest_desk_private.h"

struct attest_desk {
    struct store *store;
    struct work_pool *workers;
    struct limit *limits;
    struct attest_desk_ports ports;
    struct flight_table *flights;
    pthread_mutex_t lock;
    pthread_cond_t told;            /* a case ended */
    struct attest_desk_case *asked; /* not answered yet */
    size_t count;                   /* of all, those that are being recorded too */
    uint64_t last;                  /* number that was given */
};

struct attest_desk *attest_desk_new(struct store *store, struct work_pool *workers,
                                    const struct attest_desk_ports *ports,
                                    struct limit *limits)
{
    struct attest_desk *desk = memory_get_zeroed(1, sizeof *desk);

    desk->store = store;
    desk->workers = workers;
    desk->ports = *ports;
    desk->limits = limits;
    desk->flights = flight_table_new();
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->told, NULL);
    return desk;
}

static void case_free(struct attest_desk_case *c)
{
    arena_free(c->arena);
    free(c);
}

/* Take it out of those that are asked. With the lock held. */
static void unlink_case(struct attest_desk *desk, struct attest_desk_case *c)
{
    struct attest_desk_case **link = &desk->asked;

    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
}

void attest_desk_free(struct attest_desk *desk)
{
    if (desk == NULL)
        return;
    pthread_mutex_lock(&desk->lock);
    while (desk->asked != NULL) {
        struct attest_desk_case *c = desk->asked;
        desk->asked = c->next;
        desk->count--;
        case_free(c);
    }
    while (desk->count > 0)
        pthread_cond_wait(&desk->told, &desk->lock);
    pthread_mutex_unlock(&desk->lock);
    flight_table_free(desk->flights);
    pthread_cond_destroy(&desk->told);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

struct flight_table *attest_desk_flights(struct attest_desk *desk)
{
    return desk->flights;
}

/* It is over: whoever waits sees the facts. It is in no list any more. */
static void land(struct attest_desk *desk, struct attest_desk_case *c)
{
    flight_land(desk->flights, c->question.authz_id);
    case_free(c);
    pthread_mutex_lock(&desk->lock);
    desk->count--;
    pthread_cond_signal(&desk->told);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- asking ---- */

/* With the lock held. */
static void ask(struct attest_desk *desk, struct attest_desk_case *c)
{
    c->postponed = !desk->ports.ask(desk->ports.context, c->number, &c->question);
    if (!c->postponed)
        c->tries++;
}

static struct attest_desk_case *case_new(const struct attest_desk_question *question)
{
    struct attest_desk_case *c = memory_get_zeroed(1, sizeof *c);
    struct attest_desk_question *q = &c->question;

    c->arena = arena_new();
    c->begun_ms = clock_now_ms();
    *q = *question;
    q->identifier.value = arena_string(c->arena, q->identifier.value);
    q->profile = arena_string(c->arena, q->profile);
    q->token = arena_string(c->arena, q->token);
    q->key_authorization = arena_string(c->arena, q->key_authorization);
    if (q->known_count > 0)
        q->known = arena_copy(c->arena, q->known, q->known_count * sizeof *q->known);
    q->object = arena_span(c->arena, q->object);
    return c;
}

enum err attest_desk_begin(struct attest_desk *desk, const struct store_session *session,
                           const struct attest_desk_question *question,
                           int64_t timeout_ms, struct err_info *why)
{
    pthread_mutex_lock(&desk->lock);
    const bool full = desk->count >= ATTEST_DESK_MOST;
    if (!full && flight_begin(desk->flights, question->authz_id)) {
        struct attest_desk_case *c = case_new(question);
        c->desk = desk;
        c->seen = store_session_ticket(session);
        c->until_us = clock_monotonic_us() + timeout_ms * 1000;
        c->number = ++desk->last;
        c->next = desk->asked;
        desk->asked = c;
        desk->count++;
        ask(desk, c);
    }
    pthread_mutex_unlock(&desk->lock);
    if (!full)
        return ERR_OK;
    (void)err_set(why, ERR_UNAVAILABLE, "too many attestations are being judged");
    why->retry_after_seconds = 1;
    return ERR_UNAVAILABLE;
}

/* ---- answers ---- */

static void recorded(void *argument, enum err result)
{
    struct attest_desk_case *c = argument;

    if (result != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "attest.record_failed", "authz=%lld",
                  (long long)c->question.authz_id);
    land(c->desk, c);
}

static void record(struct work_job *job, struct store_session *session)
{
    struct attest_desk_case *c = (struct attest_desk_case *)(void *)job;
    struct attest_desk *desk = c->desk;
    struct err_info undone = {0};

    /* an authorization whose batch was undone never was: by now its number may be that of
     * another */
    if (store_wait(desk->store, c->seen, &undone) != ERR_OK) {
        land(desk, c);
        return;
    }
    store_session_begin(session);
    /* what could not be stored never was: the challenge is pending, its client asks again
     */
    if (attest_desk_record(c, session, desk->limits) != ERR_OK)
        land(desk, c);
    else
        store_when_durable(desk->store, store_session_ticket(session), recorded, c);
}

static void take(struct attest_desk_case *c, const struct attest_desk_answer *answer)
{
    c->ended_ms = clock_now_ms();
    c->answer = *answer;
    c->answer.detail = arena_string(c->arena, answer->detail);
    c->answer.facts =
        answer->facts != NULL ? arena_string(c->arena, answer->facts) : NULL;
}

void attest_desk_answered(struct attest_desk *desk, uint64_t number,
                          const struct attest_desk_answer *answer)
{
    pthread_mutex_lock(&desk->lock);
    struct attest_desk_case *c = desk->asked;
    while (c != NULL && c->number != number)
        c = c->next;
    if (c != NULL)
        unlink_case(desk, c);
    pthread_mutex_unlock(&desk->lock);
    if (c == NULL)
        return;
    take(c, answer);
    if (answer->code == ERR_OK || answer->code == ERR_BAD_ATTESTATION_STATEMENT) {
        c->job.run = record;
        work_pool_add(desk->workers, &c->job);
        return;
    }
    log_event(LOG_LEVEL_ERROR, "attest.not_judged", "authz=%lld why=" LOG_QUOTE,
              (long long)c->question.authz_id, c->answer.detail);
    land(desk, c);
}

/* ---- time, and validators, that come and go ---- */

/* Take out whom nobody will answer, into a list of their own. */
static struct attest_desk_case *take_hopeless(struct attest_desk *desk, bool asks_again)
{
    const int64_t now_us = clock_monotonic_us();
    struct attest_desk_case *hopeless = NULL;
    struct attest_desk_case *next = NULL;

    for (struct attest_desk_case *c = desk->asked; c != NULL; c = next) {
        next = c->next;
        if (c->until_us > now_us && !(asks_again && c->tries >= ATTEST_DESK_TRIES))
            continue;
        unlink_case(desk, c);
        c->next = hopeless;
        hopeless = c;
    }
    return hopeless;
}

static void give_up(struct attest_desk *desk, struct attest_desk_case *list)
{
    while (list != NULL) {
        struct attest_desk_case *c = list;
        list = c->next;
        log_event(LOG_LEVEL_WARNING, "attest.given_up", "authz=%lld asked=%d",
                  (long long)c->question.authz_id, c->tries);
        land(desk, c);
    }
}

void attest_desk_ask_again(struct attest_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    struct attest_desk_case *hopeless = take_hopeless(desk, true);
    for (struct attest_desk_case *c = desk->asked; c != NULL; c = c->next)
        ask(desk, c);
    pthread_mutex_unlock(&desk->lock);
    give_up(desk, hopeless);
}

void attest_desk_look(struct attest_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    struct attest_desk_case *hopeless = take_hopeless(desk, false);
    for (struct attest_desk_case *c = desk->asked; c != NULL; c = c->next)
        if (c->postponed)
            ask(desk, c);
    pthread_mutex_unlock(&desk->lock);
    give_up(desk, hopeless);
}
