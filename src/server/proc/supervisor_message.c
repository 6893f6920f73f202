/* What children say, and what is asked of them: readiness, reload, watchdog. */
#include <inttypes.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/base/notify.h"
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
    if ((child->role & IPC_HUB) != 0 && s->url == NULL)
        s->url = arena_string_of(s->arena, m->url);
    if (s->announced || s->stage != SUPERVISOR_SERVING)
        return;
    for (size_t i = 0; i < s->child_count; i++) {
        if (!s->children[i].ready && !s->children[i].asleep)
            return;
    }
    s->announced = true;
    if (s->options->ready != NULL)
        s->options->ready(s->url != NULL ? s->url : "", s->options->context);
    tell("READY=1");
}

/* The front asks for a reload, on behalf of an administrator. */
static enum err answer_wish(struct supervisor_child *child, uint64_t id,
                            struct err_info *why)
{
    struct supervisor *s = child->house;
    struct err_info bad = {0};
    struct message_reload_begun m = {.id = id};

    if (supervisor_reload(s, &bad) == ERR_OK)
        m.generation = s->generation;
    m.detail = span_of(bad.detail);
    return ipc_channel_send_reload_begun(child->control, &m, why);
}

/* Without one it writes on where it does, and asks again. */
static enum err answer_full(struct supervisor_child *child, uint64_t number,
                            struct err_info *why)
{
    const struct supervisor_options *options = child->house->options;
    struct message_audit_segment m = {.number = number, .fd = -1};
    struct err_info bad = {0};

    if (options->audit_segment == NULL)
        return err_set(why, ERR_PROTOCOL, "there is no audit log");
    if (options->audit_segment(options->context, child->role, number, &m.fd, &bad) !=
        ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "audit.no_segment", "role=%s why=" LOG_QUOTE,
                  ipc_role_name(child->role), bad.detail);
        return ERR_OK;
    }
    enum err result = ipc_channel_send_audit_segment(child->control, &m, why);
    (void)close(m.fd);
    return result;
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
        if ((child->role & IPC_HUB) != 0 && m->as_pong.id == s->ping)
            tell("WATCHDOG=1");
        return ERR_OK;
    case IPC_RELOADED:
        child->leaves = m->as_reloaded.leaves != 0;
        if (m->as_reloaded.code != ERR_OK)
            log_event(LOG_LEVEL_ERROR, "proc.reload_failed", "role=%s reason=\"%.*s\"",
                      ipc_role_name(child->role), (int)m->as_reloaded.detail.len,
                      (const char *)m->as_reloaded.detail.data);
        /* one that leaves has answered when it is gone */
        if (m->as_reloaded.generation == s->generation && !child->leaves)
            supervisor_reload_answered(child);
        return ERR_OK;
    case IPC_RELOAD_WANTED:
        return answer_wish(child, m->as_reload_wanted.id, why);
    case IPC_AUDIT_FULL:
        return answer_full(child, m->as_audit_full.number, why);
    default:
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    }
}

/* Roles that the new configuration wants, and the old one did not. */
static void wake(struct supervisor *s, unsigned int asleep)
{
    for (size_t i = 0; i < s->child_count; i++) {
        struct supervisor_child *child = &s->children[i];
        struct err_info why = {0};
        if (!child->asleep || (asleep & (unsigned int)child->role) != 0)
            continue;
        child->asleep = false;
        child->start_due_ms = supervisor_now_ms(); /* again, if this fails */
        if (supervisor_spawn(child, &why) != ERR_OK)
            log_event(LOG_LEVEL_ERROR, "proc.start_failed", "role=%s reason=" LOG_QUOTE,
                      ipc_role_name(child->role), why.detail);
    }
}

static bool tell_reload(struct supervisor_child *child)
{
    const struct supervisor *s = child->house;
    const struct message_reload m = {.generation = s->generation,
                                     .settings_fd = s->settings_fd};
    struct err_info why = {0};

    child->reload_pending =
        child->pid != 0 && ipc_channel_send_reload(child->control, &m, &why) == ERR_OK;
    return child->reload_pending;
}

static bool is_hub(const struct supervisor_child *child)
{
    return (child->role & IPC_HUB) != 0;
}

static bool others_pend(const struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->children[i].reload_pending && !is_hub(&s->children[i]))
            return true;
    }
    return false;
}

/* The hub is told when the others know: what it asks them by the new settings must not
 * come to a process that still has the old ones. */
static void tell_hub(struct supervisor *s)
{
    struct supervisor_child *hub = supervisor_hub(s);

    s->hub_waits = false;
    if (hub != NULL)
        (void)tell_reload(hub);
}

/* Tell every child. */
static void spread(struct supervisor *s)
{
    bool waits = false;

    s->generation++;
    for (size_t i = 0; i < s->child_count; i++) {
        if (!is_hub(&s->children[i]))
            waits = tell_reload(&s->children[i]) || waits;
    }
    s->hub_waits = waits;
    if (!waits)
        tell_hub(s);
    waits = waits || (supervisor_hub(s) != NULL && supervisor_hub(s)->reload_pending);
    log_event(LOG_LEVEL_NOTICE, "proc.reload", "generation=%" PRIu64, s->generation);
    s->reload_due_ms = supervisor_now_ms() + SUPERVISOR_RELOAD_MS;
    if (!waits)
        supervisor_reload_expired(s);
}

enum err supervisor_reload(struct supervisor *s, struct err_info *why)
{
    struct supervisor_fresh fresh = {.settings_fd = -1, .asleep = s->options->asleep};
    struct err_info unsaid = {0};
    enum err result = ERR_OK;

    if (s->stage != SUPERVISOR_SERVING)
        return err_set(why, ERR_UNAVAILABLE, "the CA is ending");
    if (notify_reloading(&unsaid) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "proc.notify_failed", "reason=" LOG_QUOTE,
                  unsaid.detail);
    if (s->options->reload_check != NULL)
        result = s->options->reload_check(s->options->context, &fresh, why);
    if (result != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "proc.reload_refused", "reason=" LOG_QUOTE,
                  why->detail);
        tell("READY=1");
        return result;
    }
    if (fresh.settings_fd >= 0) {
        (void)close(s->settings_fd);
        s->settings_fd = fresh.settings_fd;
    }
    wake(s, fresh.asleep);
    spread(s);
    return ERR_OK;
}

void supervisor_reload_answered(struct supervisor_child *child)
{
    struct supervisor *s = child->house;

    if (!child->reload_pending)
        return;
    child->reload_pending = false;
    if (s->hub_waits && !others_pend(s))
        tell_hub(s);
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
    if (s->hub_waits)
        tell_hub(s);
    tell("READY=1");
}

void supervisor_ping(struct supervisor *s)
{
    const struct supervisor_child *hub = supervisor_hub(s);
    const struct message_ping m = {.id = ++s->ping};
    struct err_info why = {0};

    s->watchdog_due_ms = supervisor_now_ms() + s->watchdog_ms;
    if (hub == NULL || hub->control == NULL)
        return; /* not running, or told to end */
    if (ipc_channel_send_ping(hub->control, &m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "proc.ping_failed", "reason=" LOG_QUOTE, why.detail);
}
