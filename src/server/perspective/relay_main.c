/* Questions of the front go to perspectives elsewhere, and their answers back. */
#include "server/perspective/relay_main.h"

#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "server/perspective/perspective_channel.h"
#include "server/perspective/relay_peer.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"

#define OUTLOOK_MS 500 /* between two looks for news */

struct relay {
    struct arena *arena;
    const struct settings *settings; /* those it was started with */
    struct loop *loop;
    struct perspective_channel control, front;
    struct perspective_key key;
    struct relay_peers peers;
    struct relay_peer *list[SETTINGS_PERSPECTIVES_MAX];
    size_t count;
    uint64_t generation;
    struct loop_timer *news;
};

/* ---- to the front ---- */

static void tell(void *context, const struct ipc_message *m)
{
    struct relay *r = context;
    struct err_info why = {0};

    /* a front that is gone asks again when it is back */
    if (ipc_channel_send(r->front.channel, m, &why) != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "relay.answer_lost", "why=" LOG_QUOTE, why.detail);
}

static void tell_news(struct relay *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct relay_peer *p = r->list[i];
        struct err_info why = {0};
        struct message_outlook m = relay_peer_outlook(p);
        m.generation = r->generation;
        if (p->changed && ipc_channel_send_outlook(r->front.channel, &m, &why) == ERR_OK)
            p->changed = false;
    }
}

static void on_news(void *argument)
{
    struct relay *r = argument;

    tell_news(r);
    loop_timer_set(r->news, OUTLOOK_MS);
}

/* ---- from the front ---- */

static void refuse(struct relay *r, const struct message_check *m)
{
    const struct ipc_message unreached = {
        .type = IPC_UNREACHED,
        {.as_unreached = {.id = m->id,
                          .perspective = m->perspective,
                          .detail = span_of("there is no such perspective any more")}}};

    tell(r, &unreached);
}

static enum err on_front(struct ipc_channel *c, struct ipc_message *m, void *context,
                         struct err_info *why)
{
    struct relay *r = context;

    (void)c;
    if (m->type != IPC_CHECK)
        return err_set(why, ERR_PROTOCOL, "the front sent %s", ipc_type_name(m->type));
    for (size_t i = 0; i < r->count; i++) {
        if (!span_is(m->as_check.perspective, r->list[i]->name))
            continue;
        relay_peer_ask(r->list[i], &m->as_check);
        return ERR_OK;
    }
    refuse(r, &m->as_check);
    return ERR_OK;
}

static void on_front_gone(void *context)
{
    (void)context; /* until PEER brings another */
}

/* ---- settings ---- */

/* Take one of those there are out of the list; NULL if none is as the settings say. */
static struct relay_peer *take_known(struct relay *r, struct relay_peer **list,
                                     size_t count, const struct settings_perspective *s)
{
    (void)r;
    for (size_t i = 0; i < count; i++) {
        struct relay_peer *p = list[i];
        if (p == NULL || !relay_peer_is(p, s))
            continue;
        list[i] = NULL;
        p->changed = true; /* of another generation */
        return p;
    }
    return NULL;
}

static enum err use(struct relay *r, const struct settings *s, struct err_info *why)
{
    struct relay_peer *old[SETTINGS_PERSPECTIVES_MAX];
    size_t old_count = r->count;
    enum err result = ERR_OK;

    memcpy(old, r->list, sizeof old);
    r->count = 0;
    for (size_t i = 0; i < s->perspectives.count && result == ERR_OK; i++) {
        const struct settings_perspective *perspective = s->perspectives.members[i];
        struct relay_peer *p = take_known(r, old, old_count, perspective);
        if (p == NULL)
            result = relay_peer_new(&r->peers, perspective, &p, why);
        if (p != NULL)
            r->list[r->count++] = p;
    }
    for (size_t i = 0; i < old_count; i++)
        if (old[i] != NULL)
            relay_peer_free(old[i]);
    return result;
}

static enum err take_settings(struct relay *r, const struct message_reload *m,
                              struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *fresh = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;

    TRY(supervisor_settings_text(a, m->settings_fd, &text, why));
    TRY(settings_reread(a, r->settings, text, &fresh, why));
    if (log_level_read(fresh->log_level, &level))
        log_configure(level, "relay");
    r->generation = m->generation;
    TRY(use(r, fresh, why));
    tell_news(r);
    return ERR_OK;
}

/* ---- the supervisor ---- */

static enum err on_control(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct relay *r = context;

    switch (m->type) {
    case IPC_PEER:
        for (size_t i = 0; i < r->count; i++)
            relay_peer_forget(r->list[i]);
        perspective_channel_replace(&r->front, m->as_peer.fd);
        tell_news(r);
        return ERR_OK;
    case IPC_PING: {
        const struct message_pong pong = {.id = m->as_ping.id};
        return ipc_channel_send_pong(c, &pong, why);
    }
    case IPC_RELOAD: {
        struct err_info bad = {0};
        struct message_reloaded reloaded = {.generation = m->as_reload.generation};
        reloaded.code = (int64_t)take_settings(r, &m->as_reload, &bad);
        reloaded.detail = span_of(bad.detail);
        (void)close(m->as_reload.settings_fd);
        return ipc_channel_send_reloaded(c, &reloaded, why);
    }
    default:
        return ERR_OK;
    }
}

static void on_control_gone(void *context)
{
    struct relay *r = context;

    loop_stop(r->loop); /* the house closes */
}

/* ---- the process ---- */

static enum err open_all(struct relay *r, struct err_info *why)
{
    const struct resolver_options resolver = {.server = r->settings->view.resolver,
                                              .trust_anchor_file =
                                                  RELAY_PEER_TRUST_ANCHOR};
    enum err result =
        perspective_key_read(r->arena, r->settings->directory, &r->key, why);

    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_CONFIG,
                       "there are perspectives, but no key for them: make it with "
                       "cairn-ca perspective list --dir %s",
                       r->settings->directory);
    TRY(result);
    TRY(loop_new(&r->loop, why));
    TRY(resolver_new(r->loop, &resolver, &r->peers.resolver, why));
    r->peers.loop = r->loop;
    r->peers.key = &r->key;
    r->peers.context = r;
    r->peers.tell = tell;
    return ERR_OK;
}

static enum err start(struct relay *r, struct err_info *why)
{
    struct sandbox_plan plan = {.role = IPC_RELAY};
    const struct message_ready ready = {.url = span_of("")};

    TRY(supervisor_child_begin(IPC_RELAY, why));
    TRY(open_all(r, why));
    TRY(user_find(r->settings->relay_user, "cairn-relay", USER_RELAY_UID, &plan.uid,
                  &plan.gid, why));
    TRY(sandbox_enter(&plan, why));
    r->control = (struct perspective_channel){
        .loop = r->loop, .gone = on_control_gone, .context = r};
    r->front = (struct perspective_channel){
        .loop = r->loop, .gone = on_front_gone, .context = r};
    perspective_channel_open(&r->control, SUPERVISOR_CONTROL_FD, IPC_RELAY,
                             IPC_SUPERVISOR, on_control);
    perspective_channel_open(&r->front, SUPERVISOR_FRONT_FD, IPC_RELAY, IPC_FRONT,
                             on_front);
    TRY(use(r, r->settings, why));
    r->news = loop_timer_new(r->loop, on_news, r);
    loop_timer_set(r->news, 0);
    return ipc_channel_send_ready(r->control.channel, &ready, why);
}

int relay_main(const struct settings *settings)
{
    struct relay r = {.arena = arena_new(), .settings = settings};
    struct err_info why = {0};

    if (start(&r, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "relay.cannot_start", "why=" LOG_QUOTE, why.detail);
        return 1;
    }
    loop_run(r.loop);
    for (size_t i = 0; i < r.count; i++)
        relay_peer_forget(r.list[i]);
    for (size_t i = 0; i < r.count; i++)
        relay_peer_free(r.list[i]);
    loop_timer_free(r.news);
    perspective_channel_close(&r.control);
    perspective_channel_close(&r.front);
    resolver_free(r.peers.resolver);
    loop_free(r.loop);
    perspective_key_free(&r.key);
    arena_free(r.arena);
    return 0;
}
