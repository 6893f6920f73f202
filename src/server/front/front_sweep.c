/* Housekeeping's timer: a step on a worker, and when that is on disk a pause that is
 * longer than the step was, so that whoever issues hardly notices. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/front/front_private.h"

#define ROWS          250    /* of each table in one step: a millisecond or two */
#define PAUSES        4      /* times as long as the step */
#define PAUSE_LEAST   5      /* ms */
#define FIRST_AT_MOST 600000 /* ms after the start, if rounds are rarer */
#define RETRY_MS      60000  /* after the store failed */
#define BEHIND        86400  /* seconds behind the wall clock that are worth a line */

/* On a worker: nothing of the loop's is touched but this step's own. */
static enum err step(struct front_sweep *w, struct store_session *session,
                     struct err_info *why)
{
    if (!w->loaded)
        TRY(store_sweep_load(session, &w->state, why));
    w->loaded = true;
    store_sweep_tick(&w->state, w->elapsed, w->wall);
    return store_sweep_step(session, &w->state, &w->limits, &w->result, why);
}

/* On the loop again: what came of it, and when to go on. */
static void stepped(void *argument)
{
    struct front_sweep *w = argument;
    int64_t pause = w->took_us * PAUSES / 1000;

    w->under_way = false;
    if (w->outcome != ERR_OK) {
        /* where the store really stands is read anew */
        w->loaded = false;
        loop_timer_set(w->timer, RETRY_MS);
        return;
    }
    w->orders += w->result.orders;
    w->authzs += w->result.authzs;
    w->listed += w->result.listed;
    if (!w->result.round_over) {
        loop_timer_set(w->timer, pause > PAUSE_LEAST ? pause : PAUSE_LEAST);
        return;
    }
    bool removed = w->orders > 0 || w->authzs > 0 || w->listed > 0;
    log_event(removed ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "sweep.round",
              "orders=%zu authorizations=%zu listed=%zu", w->orders, w->authzs,
              w->listed);
    if (w->wall - w->state.clock > BEHIND) {
        char clock[CLOCK_TEXT_SIZE];
        clock_text(clock, w->state.clock);
        log_event(LOG_LEVEL_NOTICE, "sweep.behind",
                  "clock=%s reason=\"the clock has jumped: what ended since is removed "
                  "later\"",
                  clock);
    }
    w->orders = 0;
    w->authzs = 0;
    w->listed = 0;
    loop_timer_set(w->timer, w->front->settings->sweep_interval);
}

/* On the store's thread. */
static void decided(void *argument, enum err result)
{
    struct front_sweep *w = argument;

    w->outcome = result;
    loop_post(w->front->loop, stepped, w);
}

static void run(struct work_job *job, struct store_session *session)
{
    struct front_sweep *w = (struct front_sweep *)(void *)job;
    struct err_info why = {0};
    int64_t begun = clock_monotonic_us();

    store_session_begin(session);
    enum err result = step(w, session, &why);
    w->took_us = clock_monotonic_us() - begun;
    if (result != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "sweep.failed", "why=" LOG_QUOTE, why.detail);
        decided(w, result);
        return;
    }
    store_when_durable(w->front->services.store, store_session_ticket(session), decided,
                       w);
}

static void on_timer(void *argument)
{
    struct front_sweep *w = argument;
    const struct settings *s = w->front->settings;
    int64_t now = clock_monotonic_us();

    if (w->under_way || w->front->draining)
        return;
    w->under_way = true;
    w->elapsed = (now - w->ticked_us) / 1000000;
    w->ticked_us += w->elapsed * 1000000;
    w->wall = clock_now();
    w->limits = (struct store_sweep_limits){.order_retention = s->order_retention / 1000,
                                            .authz_retention = s->authz_retention / 1000,
                                            .rows = ROWS};
    w->job.run = run;
    work_pool_add(w->front->services.workers, &w->job);
}

void front_sweep_open(struct front *f)
{
    struct front_sweep *w = &f->sweep;
    int64_t first = f->settings->sweep_interval;

    w->front = f;
    w->ticked_us = clock_monotonic_us();
    w->timer = loop_timer_new(f->loop, on_timer, w);
    loop_timer_set(w->timer, first < FIRST_AT_MOST ? first : FIRST_AT_MOST);
}

void front_sweep_close(struct front *f)
{
    loop_timer_free(f->sweep.timer);
    f->sweep.timer = NULL;
}
