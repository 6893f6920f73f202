/* The front's channels to the other processes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/acme/problem.h"
#include "core/base/log.h"
#include "core/net/socket.h"
#include "server/exchange/outlook.h"
#include "server/front/front_crl.h"
#include "server/front/front_main.h"
#include "server/front/front_private.h"
#include "server/order/attest_desk.h"
#include "server/order/enroll_desk.h"
#include "server/order/order_desk.h"
#include "server/order/order_desk_logs.h"
#include "server/proc/supervisor.h"
#include "server/validate/validate.h"

/* Longer than the supervisor ever waits before it starts a process again
 * (SUPERVISOR_BACKOFF_LAST_MS), in seconds. */
#define PEER_LOOKS_AWAY_MAX 20

#define TROUBLE_WAIT_MAX_MS (10 * 60 * 1000) /* no check takes that long */

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

static void take_sight(struct front *f, const struct message_verdict *m)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct order_desk_sight sight = {.valid = m->valid != 0,
                                           .code = (enum err)m->code,
                                           .detail = arena_string_of(a, m->detail),
                                           .record = arena_string_of(a, m->record)};

    order_desk_saw(f->services.orders, (int64_t)m->id, arena_string_of(a, m->perspective),
                   &sight);
}

static void take_verdict(struct front *f, const struct message_verdict *m)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    const char *error = NULL;

    if (m->perspective.len > 0) {
        take_sight(f, m);
        return;
    }
    if (m->valid == 0) {
        (void)err_set(&why, (enum err)m->code, "%.*s", (int)m->detail.len,
                      (const char *)m->detail.data);
        error = problem_text(a, &why);
    }
    if (m->valid != 0 && m->until != 0)
        order_desk_proof_ends(f->services.orders, (int64_t)m->id, m->until);
    order_desk_verdict(f->services.orders, (int64_t)m->id, m->valid != 0, error,
                       arena_string_of(a, m->record));
}

static void take_trouble(struct front *f, const struct message_trouble *m)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};

    if (m->perspective.len > 0)
        return; /* only its verdict counts */
    (void)err_set(&why, (enum err)m->code, "%.*s", (int)m->detail.len,
                  (const char *)m->detail.data);
    order_desk_trouble(f->services.orders, (int64_t)m->id, problem_text(a, &why),
                       (int64_t)m->wait);
}

static bool is_code(int64_t code)
{
    return code > ERR_OK && code < ERR_COUNT;
}

/* Nobody waits for what a log says of a whole certificate. */
static enum err take_log_answer(struct front *f, const struct message_log_answered *m,
                                struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *log = arena_string_of(a, m->log);
    const char *detail = arena_string_of(a, m->detail);

    if (m->code != ERR_OK && !is_code(m->code))
        return err_set(why, ERR_PROTOCOL, "an answer of a log without a known code");
    if (m->final == 0)
        order_desk_logs_answered(f->services.orders, (int64_t)m->id, log,
                                 (enum err)m->code, detail, m->timestamp);
    else if (m->code != ERR_OK) {
        front_audit_final_refused(f, m->id, log, detail);
        log_event(LOG_LEVEL_NOTICE, "front.certificate_not_logged",
                  "issuance=%llu log=%s why=" LOG_QUOTE, (unsigned long long)m->id, log,
                  detail);
    }
    return ERR_OK;
}

/* From the validator, or from the relay what a perspective elsewhere found. */
static enum err on_verdicts(struct ipc_channel *c, struct ipc_message *m, void *context,
                            struct err_info *why)
{
    struct front_peer *p = context;

    if (ipc_channel_peer(c) == IPC_RELAY && m->type == IPC_UNREACHED)
        return front_relay_unreached(p->front, &m->as_unreached);
    if (ipc_channel_peer(c) == IPC_RELAY && m->type == IPC_OUTLOOK)
        return front_relay_outlook(p->front, &m->as_outlook);
    if (m->type == IPC_TROUBLE) {
        if (!is_code(m->as_trouble.code) || m->as_trouble.wait > TROUBLE_WAIT_MAX_MS)
            return err_set(why, ERR_PROTOCOL, "trouble of no known kind");
        take_trouble(p->front, &m->as_trouble);
        return ERR_OK;
    }
    if (m->type == IPC_ATTESTED)
        return front_attest_answered(p->front, &m->as_attested, why);
    if (m->type == IPC_LOG_ANSWERED)
        return take_log_answer(p->front, &m->as_log_answered, why);
    if (m->type == IPC_ENROLLED)
        return front_enroll_judged(p->front, &m->as_enrolled, why);
    if (m->type != IPC_VERDICT)
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    if (m->as_verdict.valid == 0 && !is_code(m->as_verdict.code))
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

    if (m->id == FRONT_AUDIT_HEAD) { /* asked again in a while */
        log_event(LOG_LEVEL_ERROR, "audit.no_head", "why=\"%.*s\"", (int)m->detail.len,
                  (const char *)m->detail.data);
        return;
    }
    if (m->id >= FRONT_TLS_FIRST) {
        front_tls_refused(f, m->id, arena_string_of(a, m->detail));
        return;
    }
    if (m->id >= FRONT_CRL_FIRST) {
        front_crl_refused(f, m);
        return;
    }
    if (front_enroll_refused(f, m))
        return;
    if (front_ocsp_asked(m->id)) {
        ocsp_desk_refused(f->services.ocsp, m->id, arena_string_of(a, m->detail));
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
        if (m->as_signed.id == FRONT_AUDIT_HEAD)
            front_audit_signed(p->front, m->as_signed.certificate);
        else if (m->as_signed.id >= FRONT_TLS_FIRST)
            front_tls_signed(p->front, m->as_signed.id, m->as_signed.certificate);
        else if (front_ocsp_asked(m->as_signed.id))
            ocsp_desk_signed(p->front->services.ocsp, m->as_signed.id,
                             m->as_signed.certificate);
        else if (!front_enroll_signed(p->front, &m->as_signed))
            order_desk_signed(p->front->services.orders, (int64_t)m->as_signed.id,
                              m->as_signed.certificate);
        return ERR_OK;
    case IPC_LIST_SIGNED:
        front_crl_signed(p->front, &m->as_list_signed);
        return ERR_OK;
    case IPC_RESPONDER_KEY:
        ocsp_desk_key(p->front->services.ocsp, m->as_responder_key.issuer,
                      m->as_responder_key.spki);
        return ERR_OK;
    case IPC_SIGN_REFUSED:
        take_refusal(p->front, &m->as_sign_refused);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "unexpected %s", ipc_type_name(m->type));
    }
}

static struct front_peer *peer_of(struct front *f, uint64_t role)
{
    if (role == IPC_RELAY)
        return &f->relay;
    return role == IPC_VALIDATOR ? &f->validator : &f->signer;
}

/* Another process was started again; the relay perhaps for the first time. */
static void take_peer(struct front *f, const struct message_peer *m)
{
    struct front_peer *p = peer_of(f, m->role);

    loop_fd_free(p->watch);
    p->watch = NULL;
    if (p == &f->relay)
        outlook_board_clear(f->services.outlooks);
    ipc_channel_replace(p->channel, m->fd);
    watch(p);
    log_event(LOG_LEVEL_NOTICE, "front.peer_back", "role=%s",
              ipc_role_name(ipc_channel_peer(p->channel)));
    if (p == &f->signer) {
        store_session_begin(f->session);
        order_desk_give_up_revoked(f->services.orders, f->session);
    }
    order_desk_ask_again(f->services.orders, p == &f->validator, p == &f->signer);
    if (p == &f->validator)
        attest_desk_ask_again(f->services.attestations);
    enroll_desk_ask_again(f->services.enrollments, p == &f->validator, p == &f->signer);
    if (p == &f->relay)
        order_desk_look_again(f->services.orders);
    if (p == &f->signer) {
        front_tls_ask_again(f);
        front_crl_ask_again(f);
        ocsp_desk_signer_is_new(f->services.ocsp);
    }
}

static void take_admin_listener(struct front *f, int fd)
{
    struct err_info why = {0};

    if (f->admin != NULL)
        (void)close(fd);
    else if (admin_server_new(fd, f->owner, &f->services, &f->admin, &why) != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "admin.cannot_start", "why=" LOG_QUOTE, why.detail);
}

/* Keep a listener, up to `*count` of its kind. */
static void keep_listener(int fd, int *listeners, size_t *count)
{
    struct err_info why = {0};

    if (*count == SETTINGS_LISTEN_MAX || socket_adopt_listener(fd, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "front.listener_refused", "why=" LOG_QUOTE,
                  why.detail);
        (void)close(fd);
        return;
    }
    listeners[(*count)++] = fd;
}

static void take_listener(struct front *f, const struct message_listener *m)
{
    f->has_listeners = m->left == 0;
    if (m->kind == FRONT_LISTENER_ADMIN)
        take_admin_listener(f, m->fd);
    else if (m->kind == FRONT_LISTENER_PUBLISH)
        keep_listener(m->fd, f->publish_listeners, &f->publish_listener_count);
    else
        keep_listener(m->fd, f->listeners, &f->listener_count);
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
    case IPC_RELOAD_BEGUN:
        front_relay_reloaded(f, &m->as_reload_begun);
        return ERR_OK;
    case IPC_AUDIT_SEGMENT:
        front_audit_segment(f, &m->as_audit_segment);
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
    if (fd >= 0)
        watch(p);
}

void front_peers_open(struct front *f)
{
    open_peer(f, &f->control, SUPERVISOR_CONTROL_FD, IPC_SUPERVISOR, on_control);
    open_peer(f, &f->validator, SUPERVISOR_VALIDATOR_FD, IPC_VALIDATOR, on_verdicts);
    open_peer(f, &f->signer, SUPERVISOR_SIGNER_FD, IPC_SIGNER, on_signer);
    open_peer(f, &f->relay, f->relay_fd, IPC_RELAY, on_verdicts);
}

void front_peers_close(struct front *f)
{
    struct front_peer *peers[] = {&f->control, &f->validator, &f->signer, &f->relay};

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        loop_fd_free(peers[i]->watch);
        ipc_channel_free(peers[i]->channel);
        peers[i]->watch = NULL;
        peers[i]->channel = NULL;
    }
}

void front_peers_look(struct front *f)
{
    struct front_peer *peers[] = {&f->validator, &f->signer, &f->relay};

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        struct front_peer *p = peers[i];
        bool away =
            p->watch == NULL && !(p == &f->relay && f->settings->perspectives.count == 0);
        p->looks_away = away ? p->looks_away + 1 : 0;
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

bool front_peers_ask(struct front *f, const struct order_desk_check *check,
                     const char *perspective)
{
    const struct front_peer *p = perspective[0] == '\0' ? &f->validator : &f->relay;
    struct err_info why = {0};
    const struct message_check m = {
        .id = (uint64_t)check->authz_id,
        .purpose = (uint64_t)check->purpose,
        .type = (int64_t)check->type,
        .directory = span_of(check->directory),
        .identifier = span_of(check->identifier),
        .wildcard = check->wildcard ? 1 : 0,
        .token = span_of(check->token),
        .key_authorization = span_of(check->key_authorization),
        .account_uri = span_of(check->account_uri),
        .caa_identities = span_of(check->caa_identities),
        .perspective = span_of(perspective),
    };

    enum err result = ipc_channel_send_check(p->channel, &m, &why);
    /* one that cannot be asked is asked again each second: that is known already */
    return p == &f->relay ? result == ERR_OK : was_sent(result, &why);
}

static bool ask_validator(void *context, const struct order_desk_check *check)
{
    return front_peers_ask(context, check, "");
}

static bool ask_perspective(void *context, const char *perspective,
                            const struct order_desk_check *check)
{
    return front_peers_ask(context, check, perspective);
}

static bool ask_signer(void *context, const struct order_desk_sign *sign)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_sign m = {.id = (uint64_t)sign->issuance_id,
                                   .profile = span_of(sign->profile),
                                   .kind = (uint64_t)sign->kind,
                                   .tbs = sign->tbs};

    return was_sent(ipc_channel_send_sign(f->signer.channel, &m, &why), &why);
}

static bool ask_log(void *context, const struct order_desk_submission *s)
{
    struct front *f = context;
    struct err_info why = {0};
    const struct message_log_submit m = {.id = (uint64_t)s->issuance_id,
                                         .log = span_of(s->log),
                                         .final = s->final,
                                         .chain = s->chain};

    return was_sent(ipc_channel_send_log_submit(f->validator.channel, &m, &why), &why);
}

struct order_desk_ports front_peers_ports(struct front *f)
{
    struct order_desk_ports ports = {.context = f,
                                     .check = ask_validator,
                                     .look = ask_perspective,
                                     .sign = ask_signer,
                                     .submit = ask_log};
    return ports;
}
