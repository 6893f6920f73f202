/* The supervisor's loop: signals, deaths, restarts, the orderly end. */
#include "server/proc/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/notify.h"
#include "server/proc/supervisor_private.h"

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

int64_t supervisor_now_ms(void)
{
    return clock_monotonic_us() / 1000;
}

struct supervisor_child *supervisor_child_of(struct supervisor *s, enum ipc_role role)
{
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].role == role)
            return &s->children[i];
    }
    return NULL;
}

struct supervisor_child *supervisor_hub(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        if ((s->children[i].role & IPC_HUB) != 0)
            return &s->children[i];
    }
    return NULL;
}

static size_t running(const struct supervisor *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->child_count; i++)
        count += s->children[i].pid != 0;
    return count;
}

/* --- the end ------------------------------------------------------------------------ */

static void kill_all(struct supervisor *s)
{
    s->stage = SUPERVISOR_KILLING;
    s->stage_due_ms = SUPERVISOR_NEVER;
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].pid == 0)
            continue;
        log_event(LOG_LEVEL_WARNING, "proc.killed", "role=%s pid=%ld",
                  ipc_role_name(s->children[i].role), (long)s->children[i].pid);
        (void)kill(s->children[i].pid, SIGKILL);
        s->failed = true;
    }
}

/* The closed control socket tells each child to end. */
static void stop_all(struct supervisor *s)
{
    s->stage = SUPERVISOR_STOPPING;
    s->stage_due_ms = supervisor_now_ms() + SUPERVISOR_STOP_MS;
    for (size_t i = 0; i < s->child_count; i++) {
        ipc_channel_free(s->children[i].control);
        s->children[i].control = NULL;
    }
}

static void begin_end(struct supervisor *s)
{
    const struct supervisor_child *hub = supervisor_hub(s);
    int64_t wait_ms = or_default(s->options->drain_ms, SUPERVISOR_DRAIN_MS);
    const struct message_drain m = {.deadline_ms = (uint64_t)wait_ms};
    struct err_info why = {0};

    if (s->stage == SUPERVISOR_SERVING) {
        log_event(LOG_LEVEL_NOTICE, "proc.stopping", "drain_ms=%lld", (long long)wait_ms);
        if (notify_send("STOPPING=1", &why) != ERR_OK)
            log_event(LOG_LEVEL_WARNING, "proc.notify_failed", "reason=" LOG_QUOTE,
                      why.detail);
        s->stage = SUPERVISOR_DRAINING;
        s->stage_due_ms = supervisor_now_ms() + wait_ms;
        if (hub != NULL && hub->pid != 0 &&
            ipc_channel_send_drain(hub->control, &m, &why) == ERR_OK)
            return;
    }
    if (s->stage == SUPERVISOR_DRAINING)
        stop_all(s);
    else if (s->stage == SUPERVISOR_STOPPING)
        kill_all(s);
}

static void stage_expired(struct supervisor *s)
{
    if (s->stage == SUPERVISOR_DRAINING) {
        log_event(LOG_LEVEL_WARNING, "proc.drain_expired", "action=stop");
        stop_all(s);
    } else {
        kill_all(s);
    }
}

/* --- deaths and restarts ------------------------------------------------------------ */

static void plan_restart(struct supervisor_child *child)
{
    const struct supervisor_options *o = child->house->options;
    int64_t first = or_default(o->backoff_first_ms, SUPERVISOR_BACKOFF_FIRST_MS);
    int64_t last = or_default(o->backoff_last_ms, SUPERVISOR_BACKOFF_LAST_MS);
    int64_t now = supervisor_now_ms();

    if (child->backoff_ms == 0 ||
        now - child->started_ms >= or_default(o->healthy_ms, SUPERVISOR_HEALTHY_MS))
        child->backoff_ms = first;
    child->start_due_ms = now + child->backoff_ms;
    log_event(LOG_LEVEL_NOTICE, "proc.restart_planned", "role=%s wait_ms=%lld",
              ipc_role_name(child->role), (long long)child->backoff_ms);
    child->backoff_ms = child->backoff_ms * 2 < last ? child->backoff_ms * 2 : last;
}

/* It said so: nothing is wrong with it, and others wait for it. */
static void start_anew(struct supervisor_child *child)
{
    child->backoff_ms = 0;
    child->start_due_ms = supervisor_now_ms();
}

static void child_died(struct supervisor_child *child, int status)
{
    struct supervisor *s = child->house;
    bool orderly = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool expected = child->leaves || (s->stage != SUPERVISOR_SERVING && orderly);

    log_event(expected ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "proc.ended",
              "role=%s pid=%ld exit=%d signal=%d", ipc_role_name(child->role),
              (long)child->pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    s->failed = s->failed || (s->stage != SUPERVISOR_SERVING && !orderly);
    child->pid = 0;
    child->ready = false;
    ipc_channel_free(child->control);
    child->control = NULL;
    supervisor_reload_answered(child);
    if (s->stage == SUPERVISOR_SERVING && !s->announced && WIFEXITED(status)) {
        s->failed = true;
        begin_end(s);
    } else if (s->stage == SUPERVISOR_SERVING) {
        if (child->leaves)
            start_anew(child);
        else
            plan_restart(child);
    }
    if (s->stage == SUPERVISOR_DRAINING && (child->role & IPC_HUB) != 0)
        stop_all(s);
}

static void reap(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        int status = 0;
        if (s->children[i].pid != 0 &&
            waitpid(s->children[i].pid, &status, WNOHANG) == s->children[i].pid)
            child_died(&s->children[i], status);
    }
}

static void start_due(struct supervisor *s, int64_t now)
{
    for (size_t i = 0; i < s->child_count && s->stage == SUPERVISOR_SERVING; i++) {
        struct supervisor_child *child = &s->children[i];
        struct err_info why = {0};
        if (child->start_due_ms > now || supervisor_spawn(child, &why) == ERR_OK)
            continue;
        log_event(LOG_LEVEL_ERROR, "proc.start_failed", "role=%s reason=" LOG_QUOTE,
                  ipc_role_name(child->role), why.detail);
        plan_restart(child);
    }
}

/* A child that breaks the protocol is not trusted any longer, and if it does so before
 * all were ready, another one would do the same; one that closed its socket is dying
 * anyway. */
static void control_failed(struct supervisor_child *child, enum err code,
                           const struct err_info *why)
{
    struct supervisor *s = child->house;

    if (code == ERR_UNAVAILABLE && s->stage != SUPERVISOR_SERVING)
        return;
    if (code != ERR_UNAVAILABLE)
        log_event(LOG_LEVEL_ERROR, "proc.broke_protocol", "role=%s reason=" LOG_QUOTE,
                  ipc_role_name(child->role), why->detail);
    if (child->pid != 0)
        (void)kill(child->pid, SIGKILL);
    if (code != ERR_UNAVAILABLE && s->stage == SUPERVISOR_SERVING && !s->announced) {
        s->failed = true;
        begin_end(s);
    }
}

/* --- the loop ----------------------------------------------------------------------- */

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    struct err_info why = {0};

    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            begin_end(s);
        else if (info.ssi_signo == SIGHUP)
            (void)supervisor_reload(s, &why); /* it says why in the log */
        /* SIGCHLD only wakes us: reap() looks at everyone each time */
    }
}

static int64_t earliest(const struct supervisor *s)
{
    int64_t due = s->stage_due_ms;

    for (size_t i = 0; i < s->child_count; i++) {
        if (s->stage == SUPERVISOR_SERVING && s->children[i].start_due_ms < due)
            due = s->children[i].start_due_ms;
    }
    if (s->reload_due_ms < due)
        due = s->reload_due_ms;
    return s->watchdog_due_ms < due ? s->watchdog_due_ms : due;
}

static void run_timers(struct supervisor *s)
{
    int64_t now = supervisor_now_ms();

    start_due(s, now);
    if (s->reload_due_ms <= now)
        supervisor_reload_expired(s);
    if (s->watchdog_due_ms <= now)
        supervisor_ping(s);
    if (s->stage_due_ms <= now)
        stage_expired(s);
}

static void talk(struct supervisor_child *child, short events)
{
    struct err_info why = {0};
    enum err result = ERR_OK;

    if ((events & POLLOUT) != 0)
        result = ipc_channel_on_writable(child->control, &why);
    if (result == ERR_OK && (events & ~POLLOUT) != 0)
        result = ipc_channel_on_readable(child->control, &why);
    if (result != ERR_OK)
        control_failed(child, result, &why);
}

/* Wait for a signal, a message or a deadline, and deal with it. */
static void turn(struct supervisor *s)
{
    struct pollfd polled[1 + SUPERVISOR_ROLES_MAX] = {{s->signals, POLLIN, 0}};
    int64_t due = earliest(s);
    int64_t now = supervisor_now_ms();
    int wait_ms = -1;

    for (size_t i = 0; i < s->child_count; i++) {
        struct ipc_channel *c = s->children[i].control;
        polled[1 + i].fd = c != NULL ? ipc_channel_fd(c) : -1;
        polled[1 + i].events = POLLIN;
        if (c != NULL && ipc_channel_wants_write(c))
            polled[1 + i].events = POLLIN | POLLOUT;
    }
    if (due != SUPERVISOR_NEVER)
        wait_ms = due <= now ? 0 : due - now > INT32_MAX ? INT32_MAX : (int)(due - now);
    if (poll(polled, (nfds_t)(1 + s->child_count), wait_ms) > 0) {
        for (size_t i = 0; i < s->child_count; i++) {
            if (polled[1 + i].revents != 0 && s->children[i].control != NULL)
                talk(&s->children[i], polled[1 + i].revents);
        }
        take_signals(s);
    }
    reap(s);
    run_timers(s);
}

static enum err prepare(struct supervisor *s, struct err_info *why)
{
    const struct supervisor_options *o = s->options;
    sigset_t mask;

    if (o->role_count > SUPERVISOR_ROLES_MAX ||
        o->listener_count > SUPERVISOR_LISTENERS_MAX)
        return err_set(why, ERR_INTERNAL, "too many roles or listeners");
    for (size_t i = 0; i < o->role_count; i++) {
        s->children[i].house = s;
        s->children[i].role = o->roles[i];
        s->children[i].asleep = (o->asleep & (unsigned int)o->roles[i]) != 0;
        if (s->children[i].asleep)
            s->children[i].start_due_ms = SUPERVISOR_NEVER;
    }
    s->child_count = o->role_count;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGHUP);
    (void)sigaddset(&mask, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) != 0)
        return err_set_os(why, ERR_IO, errno, "blocking signals");
    s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0)
        return err_set_os(why, ERR_IO, errno, "signalfd");
    s->settings_fd =
        o->settings_fd > 0 ? o->settings_fd : memfd_create("settings", MFD_CLOEXEC);
    if (s->settings_fd < 0)
        return err_set_os(why, ERR_IO, errno, "memfd_create");
    s->watchdog_ms = (int64_t)(notify_watchdog_us() / 2000);
    if (s->watchdog_ms > 0)
        s->watchdog_due_ms = supervisor_now_ms() + s->watchdog_ms;
    return ERR_OK;
}

int supervisor_run(const struct supervisor_options *options)
{
    AUTO(arena) struct arena *a = arena_new();
    struct supervisor s = {
        .options = options,
        .arena = a,
        .signals = -1,
        .settings_fd = -1,
        .links = {{IPC_VALIDATOR, -1, -1}, {IPC_SIGNER, -1, -1}, {IPC_RELAY, -1, -1}},
        .stage_due_ms = SUPERVISOR_NEVER,
        .reload_due_ms = SUPERVISOR_NEVER,
        .watchdog_due_ms = SUPERVISOR_NEVER};
    struct err_info why = {0};

    if (prepare(&s, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "proc.start_failed", "reason=" LOG_QUOTE, why.detail);
        return EXIT_FAILURE;
    }
    run_timers(&s); /* starts everyone: each start_due_ms is 0 */
    while (s.stage == SUPERVISOR_SERVING || running(&s) > 0)
        turn(&s);
    supervisor_links_close(&s);
    (void)close(s.signals);
    if (s.settings_fd >= 0)
        (void)close(s.settings_fd);
    log_event(LOG_LEVEL_NOTICE, "proc.stopped", "orderly=%s", s.failed ? "no" : "yes");
    return s.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
