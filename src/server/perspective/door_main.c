/* Listeners, settings, the validator, the end. */
#include "server/perspective/door_main.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/socket.h"
#include "server/perspective/door_private.h"
#include "server/proc/sandbox.h"
#include "server/proc/supervisor.h"
#include "server/proc/user.h"

#define ACCEPTS_MAX 64 /* per turn */

/* ---- listening ---- */

static void on_connection(void *argument, int events)
{
    /* which of the listeners it is cannot be told: all are asked, and none blocks */
    struct door *d = argument;

    (void)events;
    for (size_t i = 0; i < d->listener_count; i++) {
        struct address from;
        int fd = -1;
        for (int j = 0; j < ACCEPTS_MAX; j++) {
            if (socket_accept(d->listeners[i], &fd, &from) != SOCKET_ACCEPTED)
                break;
            door_guest_take(d, fd, &from);
        }
    }
}

static void take_listener(struct door *d, const struct message_listener *m)
{
    struct err_info why = {0};

    if (d->listener_count == SETTINGS_LISTEN_MAX ||
        socket_adopt_listener(m->fd, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "door.listener_refused", "why=" LOG_QUOTE, why.detail);
        (void)close(m->fd);
    } else {
        d->listeners[d->listener_count] = m->fd;
        d->watches[d->listener_count] = loop_fd_new(d->loop, m->fd, on_connection, d);
        loop_fd_want(d->watches[d->listener_count++], LOOP_READ);
    }
    if (d->ready || m->left > 0 || d->listener_count == 0)
        return;
    d->ready = true;
    const struct message_ready ready = {.url =
                                            span_of(d->settings->host.listens.items[0])};
    if (ipc_channel_send_ready(d->control.channel, &ready, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "door.not_announced", "why=" LOG_QUOTE, why.detail);
}

static void stop_listening(struct door *d)
{
    for (size_t i = 0; i < d->listener_count; i++) {
        loop_fd_free(d->watches[i]);
        (void)close(d->listeners[i]);
    }
    d->listener_count = 0;
}

/* ---- settings ---- */

static enum err use(struct door *d, const struct settings *s, struct err_info *why)
{
    const struct settings_host *h = &s->host;
    const struct tls_server_options options = {
        .alpn = {PERSPECTIVE_WIRE_ALPN},
        .chain_pem = d->key.certificate_pem,
        .key_pem = span_make(d->key.key_pem.data, d->key.key_pem.len),
        .client_pins = {h->pins, h->pin_count},
    };
    struct tls_context *fresh = NULL;

    TRY(tls_context_server(&options, &fresh, why));
    tls_context_unref(d->tls);
    d->tls = fresh;
    memcpy(d->pins, h->pins, h->pin_count * sizeof h->pins[0]);
    d->pin_count = h->pin_count;
    (void)text_copy(d->name, sizeof d->name, h->name);
    (void)text_copy(d->region, sizeof d->region, h->region);
    d->connections = (size_t)h->connections;
    d->handshake_ms = h->handshake_time;
    return ERR_OK;
}

bool door_main_knows(const struct door *d, const uint8_t *pin)
{
    for (size_t i = 0; i < d->pin_count; i++)
        if (memcmp(d->pins[i], pin, SETTINGS_PIN_SIZE) == 0)
            return true;
    return false;
}

/* Whose key was taken out, or who was told another region, must come again. */
static void look_over_guests(struct door *d, bool all)
{
    struct door_guest *next = NULL;

    for (struct door_guest *g = d->guests; g != NULL; g = next) {
        next = g->next;
        if (g->is_greeted && (all || !door_main_knows(d, perspective_link_pin(g->link))))
            door_guest_dismiss(g, all ? "its configuration has changed"
                                      : "it does not work for this CA any more");
    }
}

static bool same_lists(const struct config_list *a, const struct config_list *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

static enum err take_settings(struct door *d, int settings_fd, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *fresh = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;
    char region[sizeof d->region];

    memcpy(region, d->region, sizeof region);
    TRY(supervisor_settings_text(a, settings_fd, &text, why));
    TRY(settings_reread(a, d->settings, text, &fresh, why));
    if (log_level_read(fresh->log_level, &level))
        log_configure(level, "door");
    if (!same_lists(&fresh->host.listens, &d->settings->host.listens))
        log_event(LOG_LEVEL_WARNING, "door.needs_restart", "option=listen");
    TRY(use(d, fresh, why));
    look_over_guests(d, strcmp(region, d->region) != 0);
    return ERR_OK;
}

/* ---- the validator ---- */

static bool is_code(int64_t code)
{
    return code > ERR_OK && code < ERR_COUNT;
}

static enum err on_validator(struct ipc_channel *c, struct ipc_message *m, void *context,
                             struct err_info *why)
{
    struct door *d = context;

    (void)c;
    if (m->type == IPC_VERDICT &&
        (m->as_verdict.valid != 0 || is_code(m->as_verdict.code)))
        door_guest_verdict(d, &m->as_verdict);
    else if (m->type == IPC_TROUBLE && is_code(m->as_trouble.code))
        door_guest_trouble(d, &m->as_trouble);
    else
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    return ERR_OK;
}

static void on_validator_gone(void *context)
{
    door_guest_give_up(context, "its validator is being started again");
}

/* ---- the end ---- */

void door_main_drained(struct door *d)
{
    while (d->guests != NULL)
        door_guest_dismiss(d->guests, "it is ending");
    loop_stop(d->loop);
}

static void on_drain_over(void *argument)
{
    door_main_drained(argument);
}

/* Not within a handler, whose link would be taken away under it. */
static void begin_drain(struct door *d, int64_t deadline_ms)
{
    if (d->draining)
        return;
    d->draining = true;
    stop_listening(d);
    d->drain = loop_timer_new(d->loop, on_drain_over, d);
    loop_timer_set(d->drain, d->flights.count == 0 ? 0 : deadline_ms);
}

/* ---- the supervisor ---- */

static enum err on_control(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct door *d = context;

    switch (m->type) {
    case IPC_LISTENER:
        take_listener(d, &m->as_listener);
        return ERR_OK;
    case IPC_PEER:
        on_validator_gone(d);
        perspective_channel_replace(&d->validator, m->as_peer.fd);
        return ERR_OK;
    case IPC_PING: {
        const struct message_pong pong = {.id = m->as_ping.id};
        return ipc_channel_send_pong(c, &pong, why);
    }
    case IPC_RELOAD: {
        struct err_info bad = {0};
        struct message_reloaded reloaded = {.generation = m->as_reload.generation};
        reloaded.code = (int64_t)take_settings(d, m->as_reload.settings_fd, &bad);
        reloaded.detail = span_of(bad.detail);
        (void)close(m->as_reload.settings_fd);
        return ipc_channel_send_reloaded(c, &reloaded, why);
    }
    case IPC_DRAIN:
        begin_drain(d, (int64_t)m->as_drain.deadline_ms);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

static void on_control_gone(void *context)
{
    struct door *d = context;

    loop_stop(d->loop); /* the house closes */
}

/* ---- the process ---- */

static enum err start(struct door *d, struct err_info *why)
{
    const struct settings *s = d->settings;
    struct sandbox_plan plan = {.role = IPC_DOOR};

    TRY(supervisor_child_begin(IPC_DOOR, why));
    TRY(perspective_key_read(d->arena, s->directory, &d->key, why));
    TRY(loop_new(&d->loop, why));
    TRY(use(d, s, why));
    TRY(user_find(s->host.door_user, "cairn-door", USER_DOOR_UID, &plan.uid, &plan.gid,
                  why));
    TRY(sandbox_enter(&plan, why));
    d->control = (struct perspective_channel){
        .loop = d->loop, .gone = on_control_gone, .context = d};
    d->validator = (struct perspective_channel){
        .loop = d->loop, .gone = on_validator_gone, .context = d};
    perspective_channel_open(&d->control, SUPERVISOR_CONTROL_FD, IPC_DOOR, IPC_SUPERVISOR,
                             on_control);
    perspective_channel_open(&d->validator, SUPERVISOR_VALIDATOR_FD, IPC_DOOR,
                             IPC_VALIDATOR, on_validator);
    return ERR_OK;
}

int door_main(const struct settings *settings)
{
    struct door d = {.arena = arena_new(), .settings = settings};
    struct err_info why = {0};

    if (start(&d, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "door.cannot_start", "why=" LOG_QUOTE, why.detail);
        return 1;
    }
    loop_run(d.loop);
    while (d.guests != NULL)
        door_guest_dismiss(d.guests, "it is ending");
    stop_listening(&d);
    loop_timer_free(d.drain);
    perspective_channel_close(&d.control);
    perspective_channel_close(&d.validator);
    perspective_flights_free(&d.flights);
    tls_context_unref(d.tls);
    loop_free(d.loop);
    perspective_key_free(&d.key);
    arena_free(d.arena);
    return 0;
}
