/* What children say, and what is asked of them: readiness, reload, watchdog. */
#include <inttypes.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/log.h"
#include "server/proc/notify.h"
#include "server/proc/supervisor_private.h"

/* A service manager that does not listen is no reason to stop. */
static void tell(const char *state)
{
    struct err_info why = {0};

    if (notify_send(state, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "proc.notify_failed", "reason=" LOG_QUOTE,
                  why.detail);
}

static void on_ready(struct supervisor_child *child, const struct message_ready *m)
{
    struct supervisor *s = child->house;

    child->ready = true;
    log_event(LOG_LEVEL_INFO, "proc.ready", "role=%s", ipc_role_name(child->role));
    if (child->role == IPC_FRONT && s->url == NULL)
        s->url = arena_string_of(s->arena, m->url);
    if (s->announced || s->stage != SUPERVISOR_SERVING)
        return;
    for (size_t i = 0; i < s->child_count; i++) {
        if (!s->children[i].ready)
            return;
    }
    s->announced = true;
    if (s->options->ready != NULL)
        s->options->ready(s->url != NULL ? s->url : "", s->options->context);
    tell("READY=1");
}

enum err supervisor_on_message(struct ipc_channel *c, struct ipc_message *m,
                               void *context, struct err_info *why)
{
    struct supervisor_child *child = context;
    struct supervisor *s = child->house;

    (void)c;
    switch (m->type) {
    case IPC_HELLO:
        if (!span_is(m->as_hello.version, CAIRN_VERSION))
            return err_set(why, ERR_PROTOCOL, "the %s is of another version",
                           ipc_role_name(child->role));
        return ERR_OK;
    case IPC_READY:
        on_ready(child, &m->as_ready);
        return ERR_OK;
    case IPC_PONG:
        if (child->role == IPC_FRONT && m->as_pong.id == s->ping)
            tell("WATCHDOG=1");
        return ERR_OK;
    case IPC_RELOADED:
        if (m->as_reloaded.code != ERR_OK)
            log_event(LOG_LEVEL_ERROR, "proc.reload_failed", "role=%s reason=\"%.*s\"",
                      ipc_role_name(child->role), (int)m->as_reloaded.detail.len,
                      (const char *)m->as_reloaded.detail.data);
        if (m->as_reloaded.generation == s->generation)
            supervisor_reload_answered(child);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    }
}

void supervisor_reload(struct supervisor *s)
{
    struct err_info why = {0};

    if (s->stage != SUPERVISOR_SERVING)
        return;
    if (notify_reloading(&why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "proc.notify_failed", "reason=" LOG_QUOTE,
                  why.detail);
    int settings_fd = -1;
    if (s->options->reload_check != NULL &&
        s->options->reload_check(s->options->context, &settings_fd, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "proc.reload_refused", "reason=" LOG_QUOTE,
                  why.detail);
        tell("READY=1");
        return;
    }
    if (settings_fd >= 0) {
        (void)close(s->settings_fd);
        s->settings_fd = settings_fd;
    }
    const struct message_reload m = {.generation = ++s->generation,
                                     .settings_fd = s->settings_fd};
    bool waits = false;
    for (size_t i = 0; i < s->child_count; i++) {
        struct supervisor_child *child = &s->children[i];
        child->reload_pending =
            child->pid != 0 &&
            ipc_channel_send_reload(child->control, &m, &why) == ERR_OK;
        waits = waits || child->reload_pending;
    }
    log_event(LOG_LEVEL_NOTICE, "proc.reload", "generation=%" PRIu64, s->generation);
    s->reload_due_ms = supervisor_now_ms() + SUPERVISOR_RELOAD_MS;
    if (!waits)
        supervisor_reload_expired(s);
}

void supervisor_reload_answered(struct supervisor_child *child)
{
    struct supervisor *s = child->house;

    if (!child->reload_pending)
        return;
    child->reload_pending = false;
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].reload_pending)
            return;
    }
    s->reload_due_ms = SUPERVISOR_NEVER;
    log_event(LOG_LEVEL_NOTICE, "proc.reloaded", "generation=%" PRIu64, s->generation);
    tell("READY=1");
}

void supervisor_reload_expired(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].reload_pending)
            log_event(LOG_LEVEL_WARNING, "proc.reload_unanswered", "role=%s",
                      ipc_role_name(s->children[i].role));
        s->children[i].reload_pending = false;
    }
    s->reload_due_ms = SUPERVISOR_NEVER;
    tell("READY=1");
}

void supervisor_ping(struct supervisor *s)
{
    const struct supervisor_child *front = supervisor_child_of(s, IPC_FRONT);
    const struct message_ping m = {.id = ++s->ping};
    struct err_info why = {0};

    s->watchdog_due_ms = supervisor_now_ms() + s->watchdog_ms;
    if (front == NULL || front->control == NULL)
        return; /* not running, or told to end */
    if (ipc_channel_send_ping(front->control, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "proc.ping_failed", "reason=" LOG_QUOTE, why.detail);
}
