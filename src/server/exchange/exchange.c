/* The tray and its parking. */
#include "server/exchange/exchange.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/acme/problem.h"
#include "core/base/clock.h"
#include "core/base/wake.h"
#include "core/jose/jws.h"

#define STORE_RETRY_SECONDS 5  /* when a client may try again after a full disk */
#define FAULT_RETRY_SECONDS 10 /* of faults that name no time of their own */
#define HTTP_SERVER_ERROR   500

/* How a resume that comes while the step still runs is kept: the step ends, sees it, goes
 * again. */
enum { STATE_RUNNING, STATE_RUNNING_AND_WOKEN, STATE_PARKED, STATE_QUEUED };

static pthread_mutex_t hold_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hold_wake;
static pthread_t hold_thread;
static bool hold_running;
static struct exchange *hold_first;
static struct exchange *hold_last;
static int64_t hold_sleeps_until_us; /* 0 while the thread is awake */

static void hold_remove(struct exchange *x)
{
    if (!x->held)
        return;
    x->held = false;
    if (x->hold_previous != NULL)
        x->hold_previous->hold_next = x->hold_next;
    else
        hold_first = x->hold_next;
    if (x->hold_next != NULL)
        x->hold_next->hold_previous = x->hold_previous;
    else
        hold_last = x->hold_previous;
}

/* Deadlines come mostly in order, so the place is found from the end. */
static void hold_add(struct exchange *x)
{
    struct exchange *before = hold_last;

    while (before != NULL && before->hold_until_us > x->hold_until_us)
        before = before->hold_previous;
    x->held = true;
    x->hold_previous = before;
    x->hold_next = before != NULL ? before->hold_next : hold_first;
    if (x->hold_next != NULL)
        x->hold_next->hold_previous = x;
    else
        hold_last = x;
    if (before != NULL)
        before->hold_next = x;
    else
        hold_first = x;
    /* mostly the thread sleeps until an earlier deadline, of one that was resumed long
     * since, and looks at the list then */
    if (x->hold_until_us < hold_sleeps_until_us)
        pthread_cond_signal(&hold_wake);
}

/* With hold_lock held: make it run again, unless it is going to. */
static void wake_locked(struct exchange *x)
{
    hold_remove(x);
    if (x->state == STATE_RUNNING)
        x->state = STATE_RUNNING_AND_WOKEN;
    if (x->state != STATE_PARKED)
        return;
    x->state = STATE_QUEUED;
    work_pool_add(x->services->workers, &x->job);
}

void exchange_resume(struct exchange *x)
{
    wake_hold(); /* the first thing a worker needs is the lock */
    pthread_mutex_lock(&hold_lock);
    wake_locked(x);
    pthread_mutex_unlock(&hold_lock);
    wake_release();
}

void exchange_park(struct exchange *x, exchange_step *step, int64_t hold_until_us)
{
    x->step = step;
    x->hold_until_us = hold_until_us;
    x->parked = true;
}

static void durable(void *argument, enum err result)
{
    struct exchange *x = argument;

    if (result != ERR_OK) {
        struct err_info why = {0};
        (void)err_set(&why, ERR_UNAVAILABLE,
                      "the change could not be stored; try again later");
        why.retry_after_seconds = STORE_RETRY_SECONDS;
        buf_clear(&x->reply.body);
        x->reply.header_count = 0;
        problem_write(&x->reply.body, &why, NULL);
        exchange_reply_set(x, err_http_status(why.code), "application/problem+json");
        exchange_header_add(x, "Retry-After",
                            arena_printf(x->arena, "%d", STORE_RETRY_SECONDS));
    }
    x->finished(x);
}

/* A step ended without parking, or parks: hand over. */
static void settle(struct exchange *x)
{
    if (!x->parked) {
        store_when_durable(x->services->store, x->ticket, durable, x);
        return;
    }
    pthread_mutex_lock(&hold_lock);
    x->parked = false;
    if (x->state == STATE_RUNNING_AND_WOKEN) {
        x->state = STATE_QUEUED;
        work_pool_add(x->services->workers, &x->job);
    } else {
        x->state = STATE_PARKED;
        hold_add(x);
    }
    pthread_mutex_unlock(&hold_lock);
}

/* Who is refused by a limit may read about it (RFC 8555 6.6). */
static void add_help(struct exchange *x, enum err code)
{
    const struct settings *s = x->services->settings;

    if (code == ERR_RATE_LIMITED && s != NULL && s->rates_help_url[0] != '\0')
        exchange_header_add(
            x, "Link", arena_printf(x->arena, "<%s>;rel=\"help\"", s->rates_help_url));
}

static void refuse(struct exchange *x, const struct err_info *why)
{
    int wait = why->retry_after_seconds;

    buf_clear(&x->reply.body);
    problem_write(&x->reply.body, why, jws_algorithms_json());
    exchange_reply_set(x, problem_status(why), "application/problem+json");
    if (wait == 0 && problem_status(why) >= HTTP_SERVER_ERROR)
        wait = FAULT_RETRY_SECONDS;
    if (wait > 0)
        exchange_header_add(x, "Retry-After", arena_printf(x->arena, "%d", wait));
    add_help(x, why->code);
}

static void run(struct work_job *job, struct store_session *session)
{
    struct exchange *x = (struct exchange *)(void *)job;
    struct err_info why = {0};

    pthread_mutex_lock(&hold_lock);
    x->state = STATE_RUNNING;
    pthread_mutex_unlock(&hold_lock);
    x->session = session;
    store_session_begin(session);
    store_session_depend(session, x->ticket); /* of the steps before */
    enum err result = x->step(x, &why);
    if (result != ERR_OK) {
        why.code = result;
        if (result == ERR_STORE && why.retry_after_seconds == 0)
            why.retry_after_seconds = STORE_RETRY_SECONDS;
        x->parked = false;
        refuse(x, &why);
    }
    x->ticket = store_session_ticket(session);
    settle(x);
}

void exchange_start(struct exchange *x)
{
    x->job.run = run;
    x->state = STATE_QUEUED;
    x->reply.body = buf_make(EXCHANGE_BODY_MAX);
    work_pool_add(x->services->workers, &x->job);
}

void exchange_header_add(struct exchange *x, const char *name, const char *value)
{
    if (x->reply.header_count == EXCHANGE_HEADERS_MAX)
        abort();
    x->reply.headers[x->reply.header_count].name = name;
    x->reply.headers[x->reply.header_count].value = value;
    x->reply.header_count++;
}

void exchange_reply_set(struct exchange *x, int status, const char *content_type)
{
    x->reply.status = status;
    x->reply.content_type = content_type;
}

char *exchange_url(struct exchange *x, const char *what, int64_t id)
{
    const char *start = settings_url(x->arena, x->services->settings, x->directory);

    if (id == 0)
        return arena_printf(x->arena, "%s/%s", start, what);
    return arena_printf(x->arena, "%s/%s/%lld", start, what, (long long)id);
}

static void *hold_main(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&hold_lock);
    while (hold_running) {
        int64_t now = clock_monotonic_us();
        while (hold_first != NULL && hold_first->hold_until_us <= now)
            wake_locked(hold_first);
        hold_sleeps_until_us = hold_first != NULL ? hold_first->hold_until_us : INT64_MAX;
        if (hold_first == NULL) {
            pthread_cond_wait(&hold_wake, &hold_lock);
        } else {
            const struct timespec until = {.tv_sec = hold_sleeps_until_us / 1000000,
                                           .tv_nsec =
                                               hold_sleeps_until_us % 1000000 * 1000};
            pthread_cond_timedwait(&hold_wake, &hold_lock, &until);
        }
        hold_sleeps_until_us = 0;
    }
    pthread_mutex_unlock(&hold_lock);
    return NULL;
}

enum err exchange_clock_start(struct err_info *why)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&hold_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    hold_running = true;
    if (pthread_create(&hold_thread, NULL, hold_main, NULL) != 0) {
        hold_running = false;
        return err_set(why, ERR_INTERNAL, "cannot start the clock thread");
    }
    return ERR_OK;
}

void exchange_clock_stop(void)
{
    pthread_mutex_lock(&hold_lock);
    bool was_running = hold_running;
    hold_running = false;
    pthread_cond_signal(&hold_wake);
    pthread_mutex_unlock(&hold_lock);
    if (was_running)
        pthread_join(hold_thread, NULL);
}
