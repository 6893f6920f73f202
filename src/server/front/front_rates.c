/* The front's rate limits: their list of public suffixes, what the store has of them,
 * and a timer that writes them, a little at a time. */
#include "core/base/log.h"
#include "server/front/front_private.h"
#include "server/limit/limit_domain.h"
#include "server/limit/limit_pause.h"
#include "server/limit/limit_persist.h"

#define SAVE_MS 5000 /* what a process that is killed forgives */

enum err front_rates_read(struct front *f, struct err_info *why)
{
    const struct settings *s = f->settings;
    struct limit *l = limit_new();

    f->services.limits = l;
    limit_configure(l, s->rates);
    if (s->suffix_list[0] != '\0')
        TRY(limit_domain_load(l, settings_path(f->arena, s, s->suffix_list), why));
    store_session_begin(f->session);
    TRY(limit_persist_load(l, f->session, limit_now_us(), why));
    return limit_pause_load(l, f->session, why);
}

static void save(struct limit *l, struct store_session *session, bool all)
{
    struct err_info why = {0};

    if (limit_persist_save(l, session, limit_now_us(), all, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "limit.not_saved", "why=" LOG_QUOTE, why.detail);
}

/* On a worker. */
static void run(struct work_job *job, struct store_session *session)
{
    struct front_rates *r = (struct front_rates *)(void *)job;

    store_session_begin(session);
    save(r->front->services.limits, session, false);
    atomic_store(&r->under_way, false);
}

static void on_timer(void *argument)
{
    struct front_rates *r = argument;

    loop_timer_set(r->timer, SAVE_MS);
    if (r->front->draining || atomic_exchange(&r->under_way, true))
        return;
    r->job.run = run;
    work_pool_add(r->front->services.workers, &r->job);
}

void front_rates_open(struct front *f)
{
    f->rates.front = f;
    f->rates.timer = loop_timer_new(f->loop, on_timer, &f->rates);
    loop_timer_set(f->rates.timer, SAVE_MS);
}

void front_rates_end(struct front *f)
{
    struct err_info why = {0};

    loop_timer_free(f->rates.timer);
    f->rates.timer = NULL;
    store_session_begin(f->session);
    save(f->services.limits, f->session, true);
    if (store_wait(f->services.store, store_session_ticket(f->session), &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "limit.not_saved", "why=" LOG_QUOTE, why.detail);
}
