/* The agent. */
#include "client/agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client/agent/agent_private.h"
#include "client/renewal/renewal_when.h"
#include "client/store/state.h"
#include "client/work/work_look.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/notify.h"

#define AGAIN_S   60 /* between two attempts on one certificate, or agent.interval */
#define SECOND_US 1000000LL
#define POLLED_MAX                                                                       \
    (AGENT_CONTROL_CLIENTS + 1 + WORKER_POOL_MAX + 2 + AGENT_TLS_POLLED_MAX)

static int64_t least(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

static void notify(const char *state)
{
    struct err_info why = {0};

    if (notify_send(state, &why) != ERR_OK)
        report_warning("%s", why.detail);
}

/* ---- settings ---- */

static int64_t changed_at(const char *path)
{
    int64_t seconds = 0;

    return file_changed(path, &seconds) ? seconds : 0;
}

static enum err load(struct agent *g, struct arena **arena, struct settings **settings,
                     struct err_info *why)
{
    struct arena *a = arena_new();
    struct settings *made = arena_get(a, sizeof *made);

    g->config_changed = changed_at(g->config);
    enum err result = settings_load(a, g->options->config, made, why);
    if (result != ERR_OK) {
        arena_free(a);
        return result;
    }
    *arena = a;
    *settings = made;
    return ERR_OK;
}

/* What cannot be changed while it runs. */
static void say_what_stays(const struct agent *g, const struct settings *fresh)
{
    if (strcmp(g->settings->agent_metrics, fresh->agent_metrics) != 0)
        report_warning("agent.metrics counts when the agent is started again");
    if (strcmp(g->settings->agent_socket, fresh->agent_socket) != 0)
        report_warning("agent.socket counts when the agent is started again");
    if (g->options->directory == NULL && strcmp(g->settings->state, fresh->state) != 0)
        report_warning("state counts when the agent is started again");
}

enum err agent_reload(struct agent *g, struct err_info *why)
{
    struct arena *arena = NULL;
    struct settings *fresh = NULL;
    struct err_info ignored = {0};

    (void)!notify_reloading(&ignored);
    enum err result = load(g, &arena, &fresh, why);
    if (result != ERR_OK) {
        report_warning("%s; the settings stay as they were", why->detail);
        notify(
            "READY=1\nSTATUS=cairn.yaml is wrong, the settings before it are in force");
        return result;
    }
    say_what_stays(g, fresh);
    struct err_info tls = {0};
    if (agent_tls_set(g->tls, fresh, &tls) != ERR_OK)
        report_warning("%s; that stays as it was", tls.detail);
    worker_pool_renew(g->pool);
    arena_free(g->arena);
    g->arena = arena;
    g->settings = fresh;
    g->context.settings = fresh;
    g->look_us = 0; /* look at all of them now */
    report_step(&g->options->report, "reload", "%s", g->config);
    notify("READY=1\nSTATUS=");
    return ERR_OK;
}

/* ---- work ---- */

static void look_at_all(struct agent *g)
{
    struct err_info why = {0};

    g->look_us = clock_monotonic_us() + g->settings->agent_interval * 1000;
    if (agent_table_update(&g->table, g->settings, clock_now(), &why) != ERR_OK)
        report_warning("%s", why.detail);
    agent_show(g);
}

/* Seconds between two attempts on one certificate, at least. */
static int64_t again(const struct agent *g)
{
    return least(AGAIN_S, g->settings->agent_interval / 1000);
}

static void finish(struct agent *g, struct agent_entry *e,
                   const struct work_many_result *r)
{
    int64_t now = clock_now();

    e->busy = false;
    if (r->result != ERR_OK)
        report_failure(e->name, r->why.detail);
    else if (r->outcome == WORK_WAITING)
        report_step(&g->options->report, "waits", "%s: %s", e->name, r->reason);
    /* not yet if, while it was worked on, a new one was asked for in any case */
    if (!e->asked || g->drain_us != 0)
        agent_answer_waiting(g, e, r);
    e->due = 0;
    agent_table_look(&g->table, e, g->settings, now);
    if (e->next < now + again(g))
        e->next = now + again(g); /* whatever it is that is not over */
}

static void take_results(struct agent *g)
{
    bool some = false;

    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct worker_pool_result got = {0};
        if (!worker_pool_take(g->pool, a, 0, &got))
            break;
        struct work_many_result r = {
            .name = got.name, .result = got.result, .why = got.why};
        struct agent_entry *e = agent_table_find(&g->table, got.name);
        work_many_read(a, got.record, &r);
        if (e != NULL)
            finish(g, e, &r);
        some = true;
    }
    if (some)
        agent_show(g);
}

static enum worker_pool_call call_of(const struct agent_entry *e)
{
    return e->forced  ? WORKER_POOL_FORCED
           : e->asked ? WORKER_POOL_ASKED
                      : WORKER_POOL_DUE;
}

static void begin_due(struct agent *g)
{
    int64_t now = clock_now();
    struct agent_entry *e = NULL;

    while (g->drain_us == 0 && worker_pool_has_room(g->pool) &&
           (e = agent_table_due(&g->table, now)) != NULL) {
        struct err_info why = {0};
        if (worker_pool_give(g->pool, e->name, call_of(e), &why) != ERR_OK) {
            report_failure(e->name, why.detail);
            e->next = now + again(g);
        } else {
            e->busy = true;
            e->forcing = e->forced;
        }
        e->asked = e->forced = false;
    }
}

/* ---- signals ---- */

static void begin_end(struct agent *g, int number)
{
    int64_t now_us = clock_monotonic_us();

    if (g->drain_us != 0) {
        g->drain_us = now_us; /* somebody does not want to wait */
        return;
    }
    g->drain_us = now_us + AGENT_DRAIN_S * SECOND_US;
    notify("STOPPING=1");
    report_step(&g->options->report, "ending", "%s", strsignal(number));
}

static void take_signals(struct agent *g)
{
    struct signalfd_siginfo got;
    struct err_info ignored = {0};

    while (read(g->signals, &got, sizeof got) == (ssize_t)sizeof got) {
        if (got.ssi_signo == SIGHUP && g->drain_us == 0)
            (void)!agent_reload(g, &ignored);
        else if (got.ssi_signo != SIGHUP)
            begin_end(g, (int)got.ssi_signo);
    }
}

static enum err watch_signals(struct agent *g, struct err_info *why)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot block signals");
    g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return g->signals >= 0 ? ERR_OK
                           : err_set_os(why, ERR_INTERNAL, errno, "cannot watch signals");
}

/* ---- the loop ---- */

/* Milliseconds until something is to be done by itself. */
static int pause_of(const struct agent *g)
{
    int64_t now_us = clock_monotonic_us();
    int64_t wait_us = AGENT_PAUSE_S * SECOND_US;
    int64_t next = agent_table_next(&g->table);
    int64_t watchdog_us = (int64_t)(notify_watchdog_us() / 2);

    if (g->drain_us != 0) {
        wait_us = least(wait_us, (g->end_us != 0 ? g->end_us : g->drain_us) - now_us);
    } else {
        wait_us = least(wait_us, g->look_us - now_us);
        if (next != RENEWAL_WHEN_NEVER && worker_pool_has_room(g->pool))
            wait_us = least(wait_us, next * SECOND_US - clock_now_ms() * 1000);
    }
    int64_t tls_ms = agent_tls_pause_ms(g->tls);
    if (tls_ms >= 0)
        wait_us = least(wait_us, tls_ms * 1000);
    if (g->page_us != 0)
        wait_us = least(wait_us, g->page_us - now_us);
    if (watchdog_us > 0)
        wait_us = least(wait_us, watchdog_us);
    return wait_us > 0 ? (int)((wait_us + 999) / 1000) : 0;
}

static void wait_for_something(struct agent *g)
{
    struct pollfd polled[POLLED_MAX];
    size_t count = agent_control_poll(g->control, polled);

    count += worker_pool_poll(g->pool, polled + count);
    count += agent_tls_poll(g->tls, polled + count);
    count += agent_show_poll(g, polled + count);
    polled[count++] = (struct pollfd){.fd = g->signals, .events = POLLIN};
    (void)poll(polled, count, pause_of(g));
}

/* True when all is over. */
static bool is_over(struct agent *g)
{
    int64_t now_us = clock_monotonic_us();

    if (g->drain_us == 0)
        return false;
    if (worker_pool_busy(g->pool) == 0 || (g->end_us != 0 && now_us >= g->end_us))
        return true;
    if (g->end_us == 0 && now_us >= g->drain_us) {
        worker_pool_interrupt(g->pool);
        g->end_us = now_us + AGENT_END_S * SECOND_US;
    }
    return false;
}

static void look_at_the_file(struct agent *g)
{
    struct err_info ignored = {0};

    if (g->drain_us == 0 && changed_at(g->config) != g->config_changed)
        (void)!agent_reload(g, &ignored);
}

static void loop(struct agent *g)
{
    while (!is_over(g)) {
        look_at_the_file(g);
        if (g->drain_us == 0 && clock_monotonic_us() >= g->look_us)
            look_at_all(g);
        begin_due(g);
        wait_for_something(g);
        take_signals(g);
        take_results(g);
        agent_control_serve(g->control, agent_answer, g);
        agent_show_tend(g);
        if (agent_tls_serve(g->tls))
            agent_show_again(g);
        notify("WATCHDOG=1");
    }
}

/* ---- beginning and end ---- */

/* In a worker. */
static void let_go(void *context)
{
    const struct work_many_context *of = context;
    struct agent *g = of->asker;

    agent_control_close(g->control);
    agent_tls_close(g->tls);
    (void)close(g->signals);
    agent_show_let_go(g);
}

static enum err set_up(struct agent *g, struct err_info *why)
{
    const char *socket = g->settings->agent_socket;

    TRY(state_prepare(g->arena, g->directory, why));
    if (socket[0] == '\0')
        socket = file_path(g->arena, g->directory, AGENT_LINE_SOCKET);
    TRY(agent_control_begin(socket, &g->control, why));
    TRY(agent_show_begin(g, why));
    TRY(agent_tls_set(g->tls, g->settings, why));
    TRY(watch_signals(g, why));
    g->context =
        (struct work_many_context){.work = {.directory = g->directory,
                                            .agree_terms = g->options->agree_terms,
                                            .report = g->options->report},
                                   .settings = g->settings,
                                   .prepares = true,
                                   .asker = g};
    const struct worker_pool_options options = {.most =
                                                    (size_t)g->settings->renewal_parallel,
                                                .once = true,
                                                .context = &g->context,
                                                .begin = let_go,
                                                .work = work_many_work,
                                                .end = work_many_end};
    g->pool = worker_pool_new(&options);
    g->table.directory = g->directory;
    g->since = clock_now();
    notify("READY=1");
    report_step(&g->options->report, "agent", "%s, asked at %s", g->directory, socket);
    return ERR_OK;
}

enum err agent_run(const struct agent_options *options, struct err_info *why)
{
    AUTO(arena) struct arena *own = arena_new();
    struct agent g = {
        .options = options, .signals = -1, .shown = buf_make(AGENT_METRICS_MAX)};

    g.config = options->config != NULL ? options->config : SETTINGS_FILE_DEFAULT;
    TRY(load(&g, &g.arena, &g.settings, why));
    g.directory = options->directory;
    g.tls = agent_tls_new();
    enum err result = ERR_OK;
    if (g.directory == NULL && g.settings->state[0] != '\0')
        g.directory = arena_string(own, g.settings->state);
    else if (g.directory == NULL)
        result = state_default_directory(own, &g.directory, why);
    if (result == ERR_OK)
        result = set_up(&g, why);
    if (result == ERR_OK)
        loop(&g);
    worker_pool_free(g.pool);
    agent_tls_end(g.tls);
    agent_control_end(g.control);
    agent_show_end(&g);
    agent_table_end(&g.table);
    if (g.signals >= 0)
        (void)close(g.signals);
    arena_free(g.arena);
    return result;
}
