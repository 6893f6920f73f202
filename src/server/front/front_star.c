/* Auto-renewal's timer: what is due is begun on a worker, so many a second at most. After
 * a time in which nothing was renewed, those that have waited longest come first. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/front/front_private.h"

#define TURN_MS 1000

static void turned(void *argument)
{
    struct front_star *w = argument;

    w->under_way = false;
    loop_timer_set(w->timer, TURN_MS);
}

static void run(struct work_job *job, struct store_session *session)
{
    struct front_star *w = (struct front_star *)(void *)job;
    struct err_info why = {0};
    int64_t now = clock_now();
    size_t count = 0;

    store_session_begin(session);
    enum err result = ERR_OK;
    if (w->clock_back)
        result = store_star_clock_back(session, now, &why);
    if (result == ERR_OK)
        result = order_star_renew(w->front->services.orders, session, &w->means, now,
                                  &count, &why);
    if (result == ERR_OK)
        w->clock_back = false;
    else
        log_event(LOG_LEVEL_ERROR, "star.failed", "why=" LOG_QUOTE, why.detail);
    loop_post(w->front->loop, turned, w);
}

static void on_timer(void *argument)
{
    struct front_star *w = argument;

    if (w->under_way || w->front->draining)
        return;
    w->under_way = true;
    if (w->clock_went_back) {
        w->clock_went_back = false;
        w->clock_back = true;
    }
    w->means.settings = w->front->settings;
    w->means.issuers = w->front->issuers_shared;
    w->means.limits = w->front->services.limits;
    w->job.run = run;
    work_pool_add(w->front->services.workers, &w->job);
}

void front_star_open(struct front *f)
{
    f->star.front = f;
    f->star.clock_went_back = true; /* perhaps while nobody looked */
    f->star.timer = loop_timer_new(f->loop, on_timer, &f->star);
    loop_timer_set(f->star.timer, TURN_MS);
}

void front_star_clock_back(struct front *f)
{
    f->star.clock_went_back = true;
}

void front_star_close(struct front *f)
{
    loop_timer_free(f->star.timer);
    f->star.timer = NULL;
}
