/* The desk of enrolments. */
#include "server/order/enroll_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#define WAIT_US     10000000 /* for an answer */
#define TRIES       2        /* of the validator, with one question */
#define RETRY_AFTER 5        /* seconds */

struct enroll_desk_waiter {
    struct enroll_desk *desk;
    struct enroll_desk_waiter *next;
    uint64_t id;
    struct exchange *x;  /* NULL: it waits no more */
    struct arena *arena; /* of all spans and texts */
    bool for_signature;
    bool in_store; /* the store will call back: it is not to be asked yet */
    bool sent;
    bool answered;
    int tries;
    int64_t until_us; /* it waits */
    struct enroll_desk_question question;
    struct enroll_desk_verdict verdict;
    int64_t issuance_id;
    struct span tbs;
    struct span issuers;
    struct span certificate; /* empty: refused */
};

struct enroll_desk {
    struct store *store;
    struct enroll_desk_ports ports;
    pthread_mutex_t lock;
    pthread_cond_t told; /* by the store */
    struct enroll_desk_waiter *waiters;
    size_t count;
    size_t in_store;
    uint64_t next_id;
};

struct enroll_desk *enroll_desk_new(struct store *store,
                                    const struct enroll_desk_ports *ports)
{
    struct enroll_desk *desk = memory_get_zeroed(1, sizeof *desk);

    desk->store = store;
    desk->ports = *ports;
    desk->next_id = ENROLL_DESK_FIRST;
    (void)pthread_mutex_init(&desk->lock, NULL);
    (void)pthread_cond_init(&desk->told, NULL);
    return desk;
}

/* With the lock held. */
static void drop(struct enroll_desk_waiter *w)
{
    struct enroll_desk_waiter **link = &w->desk->waiters;

    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    w->desk->count--;
    arena_free(w->arena);
    free(w);
}

void enroll_desk_free(struct enroll_desk *desk)
{
    if (desk == NULL)
        return;
    pthread_mutex_lock(&desk->lock);
    while (desk->in_store > 0)
        pthread_cond_wait(&desk->told, &desk->lock);
    while (desk->waiters != NULL)
        drop(desk->waiters);
    pthread_mutex_unlock(&desk->lock);
    (void)pthread_cond_destroy(&desk->told);
    (void)pthread_mutex_destroy(&desk->lock);
    free(desk);
}

/* ---- asking; with the lock held ---- */

static struct enroll_desk_waiter *find(struct enroll_desk *desk, uint64_t id)
{
    struct enroll_desk_waiter *w = desk->waiters;

    while (w != NULL && w->id != id)
        w = w->next;
    return w;
}

static void ask(struct enroll_desk_waiter *w)
{
    const struct enroll_desk_ports *ports = &w->desk->ports;

    w->sent = w->for_signature ? ports->sign(ports->context, w->id, w->tbs)
                               : ports->judge(ports->context, w->id, &w->question);
    if (w->sent)
        w->tries++;
}

static void answer(struct enroll_desk_waiter *w)
{
    w->answered = true;
    if (w->x != NULL)
        exchange_resume(w->x);
    else if (!w->in_store)
        drop(w);
}

static struct enroll_desk_waiter *new_waiter(struct enroll_desk *desk, struct exchange *x,
                                             struct err_info *why)
{
    if (desk->count >= ENROLL_DESK_WAITING_MAX) {
        (void)err_set(why, ERR_UNAVAILABLE, "too many enrolments are under way");
        why->retry_after_seconds = RETRY_AFTER;
        return NULL;
    }
    struct enroll_desk_waiter *w = memory_get_zeroed(1, sizeof *w);
    w->desk = desk;
    w->next = desk->waiters;
    w->id = desk->next_id++;
    w->x = x;
    w->arena = arena_new();
    w->until_us = clock_monotonic_us() + WAIT_US;
    desk->waiters = w;
    desk->count++;
    return w;
}

/* ---- who waits ---- */

bool enroll_desk_is_full(struct enroll_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    bool full = desk->count >= ENROLL_DESK_WAITING_MAX;
    pthread_mutex_unlock(&desk->lock);
    return full;
}

enum err enroll_desk_judge(struct enroll_desk *desk, struct exchange *x,
                           exchange_step *step,
                           const struct enroll_desk_question *question,
                           struct enroll_desk_waiter **waiter, struct err_info *why)
{
    pthread_mutex_lock(&desk->lock);
    struct enroll_desk_waiter *w = new_waiter(desk, x, why);
    if (w != NULL) {
        w->question = *question; /* its spans live while somebody waits */
        exchange_park(x, step, w->until_us);
        ask(w);
        *waiter = w;
    }
    pthread_mutex_unlock(&desk->lock);
    return w != NULL ? ERR_OK : ERR_UNAVAILABLE;
}

/* The issuance is on disk: now it may be signed. On the store's thread. */
static void durable(void *argument, enum err result)
{
    struct enroll_desk_waiter *w = argument;
    struct enroll_desk *desk = w->desk;

    pthread_mutex_lock(&desk->lock);
    w->in_store = false;
    if (result == ERR_OK)
        ask(w);
    else
        answer(w);
    desk->in_store--;
    pthread_cond_signal(&desk->told);
    pthread_mutex_unlock(&desk->lock);
}

enum err enroll_desk_sign(struct enroll_desk *desk, struct exchange *x,
                          exchange_step *step, const struct store_issuance *issuance,
                          struct span issuers, struct enroll_desk_waiter **waiter,
                          struct err_info *why)
{
    pthread_mutex_lock(&desk->lock);
    struct enroll_desk_waiter *w = new_waiter(desk, x, why);
    if (w != NULL) {
        w->for_signature = true;
        w->in_store = true;
        w->issuance_id = issuance->id;
        w->tbs = arena_span(w->arena, issuance->tbs);
        w->issuers = arena_span(w->arena, issuers);
        exchange_park(x, step, w->until_us);
        desk->in_store++;
        *waiter = w;
    }
    pthread_mutex_unlock(&desk->lock);
    if (w == NULL)
        return ERR_UNAVAILABLE;
    store_when_durable(desk->store, store_session_ticket(x->session), durable, w);
    return ERR_OK;
}

static void copy_verdict(struct arena *a, const struct enroll_desk_verdict *from,
                         struct enroll_desk_verdict *to)
{
    *to = *from;
    to->detail = arena_string(a, from->detail != NULL ? from->detail : "");
    to->doubt = arena_string(a, from->doubt != NULL ? from->doubt : "");
    to->manufacturer =
        arena_string(a, from->manufacturer != NULL ? from->manufacturer : "");
    to->model = arena_string(a, from->model != NULL ? from->model : "");
    to->version = arena_string(a, from->version != NULL ? from->version : "");
    to->ak = arena_span(a, from->ak);
    to->credential = arena_span(a, from->credential);
    to->encrypted = arena_span(a, from->encrypted);
}

enum enroll_desk_state enroll_desk_take(struct enroll_desk *desk, struct exchange *x,
                                        struct enroll_desk_waiter *waiter,
                                        struct enroll_desk_verdict *verdict,
                                        struct span *certificate)
{
    pthread_mutex_lock(&desk->lock);
    bool answered = waiter->answered;
    if (!answered && clock_monotonic_us() < waiter->until_us) {
        exchange_park(x, x->step, waiter->until_us);
        pthread_mutex_unlock(&desk->lock);
        return ENROLL_DESK_WAITS;
    }
    if (answered && waiter->for_signature)
        *certificate = arena_span(x->arena, waiter->certificate);
    else if (answered)
        copy_verdict(x->arena, &waiter->verdict, verdict);
    waiter->x = NULL;
    if (answered || !waiter->for_signature)
        drop(waiter);
    /* else it stays for what the signer makes of it */
    pthread_mutex_unlock(&desk->lock);
    return answered ? ENROLL_DESK_ANSWERED : ENROLL_DESK_LATE;
}

/* ---- answers ---- */

void enroll_desk_judged(struct enroll_desk *desk, uint64_t id,
                        const struct enroll_desk_verdict *verdict)
{
    pthread_mutex_lock(&desk->lock);
    struct enroll_desk_waiter *w = find(desk, id);
    if (w != NULL && !w->for_signature && !w->answered) {
        copy_verdict(w->arena, verdict, &w->verdict);
        answer(w);
    }
    pthread_mutex_unlock(&desk->lock);
}

/* Nothing but what was to be signed counts as that. */
static bool is_of(struct span certificate, struct span tbs)
{
    return certificate.len > tbs.len &&
           memmem(certificate.data, certificate.len, tbs.data, tbs.len) != NULL;
}

void enroll_desk_signed(struct enroll_desk *desk, uint64_t id, struct span certificate)
{
    pthread_mutex_lock(&desk->lock);
    struct enroll_desk_waiter *w = find(desk, id);
    if (w != NULL && w->for_signature && !w->answered && is_of(certificate, w->tbs)) {
        w->certificate = arena_span(w->arena, certificate);
        if (w->x == NULL)
            desk->ports.keep(desk->ports.context, w->issuance_id, w->certificate,
                             w->issuers);
        answer(w);
    }
    pthread_mutex_unlock(&desk->lock);
}

void enroll_desk_refused(struct enroll_desk *desk, uint64_t id, const char *detail)
{
    log_event(LOG_LEVEL_ERROR, "enrollment.refused", "why=" LOG_QUOTE, detail);
    pthread_mutex_lock(&desk->lock);
    struct enroll_desk_waiter *w = find(desk, id);
    if (w != NULL && w->for_signature && !w->answered)
        answer(w);
    pthread_mutex_unlock(&desk->lock);
}

/* With the lock held. */
static void give_up(struct enroll_desk_waiter *w)
{
    w->verdict = (struct enroll_desk_verdict){
        .code = ERR_UNAVAILABLE, .detail = "it cannot be judged at the moment"};
    copy_verdict(w->arena, &w->verdict, &w->verdict);
    answer(w);
}

void enroll_desk_ask_again(struct enroll_desk *desk, bool validator, bool signer)
{
    pthread_mutex_lock(&desk->lock);
    for (struct enroll_desk_waiter *w = desk->waiters, *next; w != NULL; w = next) {
        next = w->next;
        if (w->answered || w->in_store || (w->for_signature ? !signer : !validator))
            continue;
        if (!w->for_signature && w->tries >= TRIES)
            give_up(w);
        else
            ask(w);
    }
    pthread_mutex_unlock(&desk->lock);
}

void enroll_desk_tick(struct enroll_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    for (struct enroll_desk_waiter *w = desk->waiters; w != NULL; w = w->next)
        if (!w->answered && !w->in_store && !w->sent)
            ask(w);
    pthread_mutex_unlock(&desk->lock);
}
