/* The front's channels to the other processes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/acme/problem.h"
#include "core/base/log.h"
#include "core/net/socket.h"
#include "server/front/front_private.h"
#include "server/order/order_desk.h"
#include "server/proc/supervisor.h"

/* Longer than the supervisor ever waits before it starts a process again
 * (SUPERVISOR_BACKOFF_LAST_MS), in seconds. */
#define PEER_LOOKS_AWAY_MAX 20

static void want(struct front_peer *p)
{
    if (p->watch != NULL)
        loop_fd_want(p->watch, ipc_channel_wants_write(p->channel)
                                   ? LOOP_READ | LOOP_WRITE
                                   : LOOP_READ);
}

static void gone(struct front_peer *p, enum err result, const struct err_info *why)
{
    struct front *f = p->front;

    loop_fd_free(p->watch);
    p->watch = NULL;
    if (p == &f->control) {
        loop_stop(f->loop); /* the house closes */
        return;
    }
    if (result != ERR_UNAVAILABLE)
        log_event(LOG_LEVEL_ERROR, "front.peer_broke_protocol", "role=%s why=" LOG_QUOTE,
                  ipc_role_name(ipc_channel_peer(p->channel)), why->detail);
}

static void on_events(void *argument, int events)
{
    struct front_peer *p = argument;
    struct err_info why = {0};
    enum err result = ERR_OK;

    if ((events & LOOP_WRITE) != 0)
        result = ipc_channel_on_writable(p->channel, &why);
    if (result == ERR_OK && (events & LOOP_READ) != 0)
        result = ipc_channel_on_readable(p->channel, &why);
    if (result != ERR_OK)
        gone(p, result, &why);
    want(p);
}

static void watch(struct front_peer *p)
{
    loop_fd_free(p->watch);
    p->watch = loop_fd_new(p->front->loop, ipc_channel_fd(p->channel), on_events, p);
    want(p);
}

static void want_posted(void *argument)
{
    want(argument);
}

/* A send on any thread left something behind: the loop writes it. */
static void on_blocked(void *context)
{
    struct front_peer *p = context;

    loop_post(p->front->loop, want_posted, p);
}

/* ---- what the others say ---- */

static void take_verdict(struct front *f, const struct message_verdict *m)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    const char *error = NULL;

    if (m->valid == 0) {
        (void)err_set(&why, (enum err)m->code, "%.*s", (int)m->detail.len,
                      (const char *)m->detail.data);
        error = problem_text(a, &why);
    }
    order_desk_verdict(f->services.orders, (int64_t)m->id, m->valid != 0, error,
                       arena_string_of(a, m->record));
}

static enum err on_validator(struct ipc_channel *c, struct ipc_message *m, void *context,
                             struct err_info *why)
{
    struct front_peer *p = context;

    (void)c;
    if (m->type != IPC_VERDICT)
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    if (m->as_verdict.valid == 0 &&
        (m->as_verdict.code <= ERR_OK || m->as_verdict.code >= ERR_COUNT))
        return err_set(why, ERR_PROTOCOL, "a verdict without a known code");
    take_verdict(p->front, &m->as_verdict);
    return ERR_OK;
}

/* A full disk or a failing device says nothing about the certificate: the order waits. */
static bool may_pass(int64_t code)
{
    return code == ERR_IO || code == ERR_CRYPTO;
}

/* A refusal is our own mistake, so the client learns no more than that. */
static void take_refusal(struct front *f, const struct message_sign_refused *m)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};

    if (m->id >= FRONT_TLS_FIRST) {
        front_tls_refused(f, m->id, arena_string_of(a, m->detail));
        return;
    }
    bool later = may_pass(m->code);
    log_event(LOG_LEVEL_ERROR, later ? "front.sign_postponed" : "front.sign_refused",
              "issuance=%llu why=\"%.*s\"", (unsigned long long)m->id, (int)m->detail.len,
              (const char *)m->detail.data);
    if (later) {
        order_desk_postpone(f->services.orders, (int64_t)m->id);
        return;
    }
    (void)err_set(&why, ERR_INTERNAL, "the signer refused the certificate");
    order_desk_refused(f->services.orders, (int64_t)m->id, problem_text(a, &why));
}

static enum err on_signer(struct ipc_channel *c, struct ipc_message *m, void *context,
                          struct err_info *why)
{
    struct front_peer *p = context;

    (void)c;
    switch (m->type) {
    case IPC_SIGNED:
        if (m->as_signed.id >= FRONT_TLS_FIRST)
            front_tls_signed(p->front, m->as_signed.id, m->as_signed.certificate);
        else
            order_desk_signed(p->front->services.orders, (int64_t)m->as_signed.id,
                              m->as_signed.certificate);
        return ERR_OK;
    case IPC_SIGN_REFUSED:
        take_refusal(p->front, &m->as_sign_refused);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    }
}

/* The validator or the signer was started again. */
static void take_peer(struct front *f, const struct message_peer *m)
{
    struct front_peer *p = m->role == IPC_VALIDATOR ? &f->validator : &f->signer;

    loop_fd_free(p->watch);
    p->watch = NULL;
    ipc_channel_replace(p->channel, m->fd);
    watch(p);
    log_event(LOG_LEVEL_NOTICE, "front.peer_back", "role=%s",
              ipc_role_name(ipc_channel_peer(p->channel)));
    order_desk_ask_again(f->services.orders, p == &f->validator, p == &f->signer);
    if (p == &f->signer)
        front_tls_ask_again(f);
}

static void take_listener(struct front *f, const struct message_listener *m)
{
    struct err_info why = {0};

    if (f->listener_count == SETTINGS_LISTEN_MAX ||
        socket_adopt_listener(m->fd, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "front.listener_refused", "why=" LOG_QUOTE,
                  why.detail);
        (void)close(m->fd);
        return;
    }
    f->listeners[f->listener_count++] = m->fd;
    front_main_try_ready(f);
}

static enum err on_control(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    struct front *f = ((struct front_peer *)context)->front;

    switch (m->type) {
    case IPC_LISTENER:
        take_listener(f, &m->as_listener);
        return ERR_OK;
    case IPC_PEER:
        take_peer(f, &m->as_peer);
        return ERR_OK;
    case IPC_PING: {
        struct message_pong pong = {.id = m->as_ping.id};
        return ipc_channel_send_pong(c, &pong, why);
    }
    case IPC_RELOAD:
        front_main_reload(f, &m->as_reload);
        return ERR_OK;
    case IPC_DRAIN:
        front_main_drain(f, (int64_t)m->as_drain.deadline_ms);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    }
}

static void open_peer(struct front *f, struct front_peer *p, int fd, enum ipc_role peer,
                      ipc_handler *handler)
{
    p->front = f;
    p->channel = ipc_channel_new(fd, IPC_FRONT, peer, handler, p);
    ipc_channel_set_blocked(p->channel, on_blocked, p);
    watch(p);
}

void front_peers_open(struct front *f)
{
    open_peer(f, &f->control, SUPERVISOR_CONTROL_FD, IPC_SUPERVISOR, on_control);
    open_peer(f, &f->validator, SUPERVISOR_VALIDATOR_FD, IPC_VALIDATOR, on_validator);
    open_peer(f, &f->signer, SUPERVISOR_SIGNER_FD, IPC_SIGNER, on_signer);
}

void front_peers_close(struct front *f)
{
    struct front_peer *peers[] = {&f->control, &f->validator, &f->signer};

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        loop_fd_free(peers[i]->watch);
        ipc_channel_free(peers[i]->channel);
        peers[i]->watch = NULL;
        peers[i]->channel = NULL;
    }
}

void front_peers_look(struct front *f)
{
    struct front_peer *peers[] = {&f->validator, &f->signer};

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        struct front_peer *p = peers[i];
        p->looks_away = p->watch == NULL ? p->looks_away + 1 : 0;
        if (p->looks_away < PEER_LOOKS_AWAY_MAX || f->draining)
            continue;
        log_event(LOG_LEVEL_ERROR, "front.peer_stays_away",
                  "role=%s reason=\"the channel to it is closed and nobody opened it "
                  "again: this process ends, the next has a new one\"",
                  ipc_role_name(ipc_channel_peer(p->channel)));
        _exit(EXIT_FAILURE); /* what was answered is on disk, the rest was not answered */
    }
}

/* ---- what the desk asks ---- */

/* A question that cannot leave is asked again by the watch, and when the other process is
 * back. */
static bool was_sent(enum err result, const struct err_info *why)
{
    if (result != ERR_OK)
        log_event(LOG_LEVEL_WARNING, "front.question_waits", "why=" LOG_QUOTE,
                  why->detail);
    return result == ERR_OK;
}

static bool ask_validator(void *context, const struct order_desk_check *check)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_check m = {.id = (uint64_t)check->authz_id,
                                    .type = (int64_t)check->type,
                                    .identifier = span_of(check->identifier),
                                    .token = span_of(check->token),
                                    .key_authorization =
                                        span_of(check->key_authorization)};

    return was_sent(ipc_channel_send_check(f->validator.channel, &m, &why), &why);
}

static bool ask_signer(void *context, const struct order_desk_sign *sign)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_sign m = {.id = (uint64_t)sign->issuance_id, .tbs = sign->tbs};

    return was_sent(ipc_channel_send_sign(f->signer.channel, &m, &why), &why);
}

struct order_desk_ports front_peers_ports(struct front *f)
{
    struct order_desk_ports ports = {
        .context = f, .check = ask_validator, .sign = ask_signer};
    return ports;
}
