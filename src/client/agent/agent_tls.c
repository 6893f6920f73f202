/* The sockets, and the listener behind them. */
#include "client/agent/agent_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/agent/agent_tls_private.h"
#include "client/proc/wire.h"
#include "client/report/report.h"
#include "client/run/port_holder.h"
#include "client/run/run_crew.h"
#include "client/solve/listener.h"
#include "client/solve/splice.h"
#include "core/acme/terms.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/net/socket.h"

#define PORT         443
#define ANSWER_US    5000000LL /* for the listener to answer; else it is ended */
#define AGAIN_US     1000000LL /* between two starts, at least */
#define HANDED_FIRST 3         /* sd_listen_fds(3) */

struct agent_tls *agent_tls_new(void)
{
    struct agent_tls *t = memory_get_zeroed(1, sizeof *t);

    for (size_t i = 0; i < AGENT_TLS_ASKERS; i++)
        t->askers[i].fd = -1;
    return t;
}

/* ---- the listener ---- */

static enum err wait_for_answer(struct child *c, struct arena *a, struct span *text,
                                struct err_info *why)
{
    struct wire_message back;

    TRY(wire_receive_until(a, c->fd, &back, clock_monotonic_us() + ANSWER_US, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    if (text != NULL)
        *text = back.count > 0 ? back.fields[0] : span_of("");
    return ERR_OK;
}

static enum err call(struct child *c, struct arena *a, const struct wire_message *m,
                     struct span *text, struct err_info *why)
{
    TRY(wire_send(c->fd, m, why));
    return wait_for_answer(c, a, text, why);
}

static enum err tell(struct child *c, const struct agent_tls_proof *p, bool answer,
                     struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct wire_message m = {
        answer ? WIRE_ADD : WIRE_REMOVE,
        {span_of(terms_challenge_type(CHALLENGE_TLS_ALPN_01)), span_of(p->identifier)},
        2};

    if (answer)
        m.fields[m.count++] = span_of("-"); /* a token, which this type has no use for */
    m.fields[m.count++] = span_of(p->key_authorization);
    return call(c, a, &m, NULL, why);
}

/* What the next one is told of all is taken from the agent's memory. */
static void forget_listener(struct agent_tls *t)
{
    child_end(&t->listener);
    t->ended.passed += t->now.passed;
    t->ended.failed += t->now.failed;
    t->ended.answered += t->now.answered;
    t->now = (struct listener_counts){0};
}

enum err agent_tls_tell(struct agent_tls *t, const struct agent_tls_proof *p, bool answer,
                        struct err_info *why)
{
    if (t->listener.pid == 0)
        return err_set(why, ERR_IO, "the listener is being started");
    enum err result = tell(&t->listener, p, answer, why);
    if (result == ERR_IO || result == ERR_TIMEOUT)
        forget_listener(t);
    return result;
}

static enum err hand_over(struct child *c, const struct agent_tls_socket *sockets,
                          size_t count, const char *way, struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(arena) struct arena *a = arena_new();
        const struct wire_message m = {
            WIRE_LISTEN,
            {span_of(terms_challenge_type(CHALLENGE_TLS_ALPN_01)), span_of(way),
             span_of(i + 1 < count ? "more" : "")},
            3};
        TRY(wire_send_descriptor(c->fd, &m, sockets[i].fd, why));
        TRY(wait_for_answer(c, a, NULL, why));
    }
    return ERR_OK;
}

/* With all it is to answer. */
static enum err start(struct agent_tls *t, const struct agent_tls_socket *sockets,
                      size_t count, const char *way, struct child *started,
                      struct err_info *why)
{
    t->started_us = clock_monotonic_us();
    t->starts++;
    TRY(child_start(CHILD_LISTENER, listener_run_for_good, started, why));
    enum err result = hand_over(started, sockets, count, way, why);
    for (size_t i = 0; i < t->proof_count && result == ERR_OK; i++)
        if (t->proofs[i].is_taken)
            result = tell(started, &t->proofs[i], true, why);
    if (result != ERR_OK)
        child_end(started);
    return result;
}

/* It goes on with what it passes on, and then ends. */
static void let_go(struct agent_tls *t)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {
        WIRE_CLOSE, {span_of(terms_challenge_type(CHALLENGE_TLS_ALPN_01))}, 1};
    struct child old = t->listener;
    struct err_info ignored = {0};

    if (old.pid == 0)
        return;
    (void)!call(&old, a, &m, NULL, &ignored);
    for (size_t i = 0; i < AGENT_TLS_DRAINS; i++)
        if (t->drains[i] == 0) {
            t->drains[i] = old.pid;
            break;
        }
    child_end_gently(&old);
    t->listener = (struct child){0};
    t->ended.passed += t->now.passed;
    t->ended.failed += t->now.failed;
    t->ended.answered += t->now.answered;
    t->now = (struct listener_counts){0};
}

static void reap(struct agent_tls *t)
{
    for (size_t i = 0; i < AGENT_TLS_DRAINS; i++)
        if (t->drains[i] != 0 && waitpid(t->drains[i], NULL, WNOHANG) != 0)
            t->drains[i] = 0;
}

/* ---- sockets ---- */

static enum err explain(uint16_t port, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *holder = why->os_error == EADDRINUSE ? port_holder_find(a, port) : NULL;

    if (why->os_error == EACCES)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "agent.tls: only root may listen on port %u; run the agent as root, "
            "or have systemd hand the socket over (Sockets= in its unit)",
            port);
    if (holder != NULL)
        return err_set(why, ERR_NETWORK,
                       "agent.tls: port %u is in use by %s; have that listen on another "
                       "port, which agent.tls then names",
                       port, holder);
    return err_prefix(why, "agent.tls");
}

static int held(const struct agent_tls *t, const struct address *at)
{
    for (size_t i = 0; i < t->socket_count; i++)
        if (address_equal(&t->sockets[i].at, at) && t->sockets[i].at.port == at->port)
            return t->sockets[i].fd;
    return -1;
}

static enum err open_one(const struct agent_tls *t, const char *text,
                         struct agent_tls_socket *s, struct err_info *why)
{
    if (text == NULL)
        s->at = (struct address){.family = ADDRESS_V6, .port = PORT};
    else if (!address_parse_with_port(span_of(text), PORT, &s->at) || s->at.port == 0)
        return err_set(why, ERR_CONFIG,
                       "agent.tls_listen: \"%.100s\" is no ADDRESS:PORT, such as "
                       "192.0.2.1:443",
                       text);
    s->fd = held(t, &s->at);
    if (s->fd >= 0)
        return ERR_OK;
    enum err result = text == NULL ? run_crew_listen(PORT, &s->fd, why)
                                   : socket_listen(&s->at, false, &s->fd, why);
    return result == ERR_OK ? ERR_OK : explain(s->at.port, why);
}

static void close_others(const struct agent_tls *t, const struct agent_tls_socket *list,
                         size_t count, const struct agent_tls_socket *kept,
                         size_t kept_count)
{
    (void)t;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < kept_count; k++)
            found = found || kept[k].fd == list[i].fd;
        if (!found && list[i].fd >= 0)
            (void)close(list[i].fd);
    }
}

/* Sockets of systemd (sd_listen_fds(3)): all that listen are ours. */
static enum err take_handed(struct agent_tls_socket *sockets, size_t *count,
                            struct err_info *why)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    uint64_t number = 0;

    *count = 0;
    if (pid == NULL || fds == NULL || !text_number(span_of(pid), UINT32_MAX, &number) ||
        (pid_t)number != getpid() ||
        !text_number(span_of(fds), AGENT_TLS_SOCKETS, &number))
        return ERR_OK;
    for (uint64_t i = 0; i < number; i++) {
        struct agent_tls_socket *s = &sockets[*count];
        s->fd = HANDED_FIRST + (int)i;
        if (socket_adopt_listener(s->fd, why) != ERR_OK ||
            socket_local_address(s->fd, &s->at, why) != ERR_OK)
            return err_prefix(why, "a socket that systemd handed over");
        (*count)++;
    }
    return ERR_OK;
}

static enum err open_all(const struct agent_tls *t, const struct settings *settings,
                         struct agent_tls_socket *sockets, size_t *count,
                         struct err_info *why)
{
    const struct config_list *list = &settings->agent_tls_listen;

    if (t->by_systemd) {
        memcpy(sockets, t->sockets, sizeof t->sockets);
        *count = t->socket_count;
        return ERR_OK;
    }
    if (list->count > AGENT_TLS_SOCKETS)
        return err_set(why, ERR_CONFIG, "agent.tls_listen: more than %d",
                       AGENT_TLS_SOCKETS);
    if (list->count == 0) {
        TRY(take_handed(sockets, count, why));
        if (*count > 0)
            return ERR_OK;
    }
    size_t most = list->count > 0 ? list->count : 1;
    for (*count = 0; *count < most; (*count)++) {
        enum err result = open_one(t, list->count > 0 ? list->items[*count] : NULL,
                                   &sockets[*count], why);
        if (result != ERR_OK) {
            close_others(t, sockets, *count, t->sockets, t->socket_count);
            return result;
        }
    }
    return ERR_OK;
}

/* ---- settings ---- */

static bool same(const struct agent_tls *t, const struct agent_tls_socket *sockets,
                 size_t count, const char *way)
{
    bool same = t->socket_count == count && strcmp(t->way, way) == 0;

    for (size_t i = 0; i < count && same; i++)
        same = t->sockets[i].fd == sockets[i].fd;
    return same;
}

static void hold(struct agent_tls *t, const struct agent_tls_socket *sockets,
                 size_t count, const char *way)
{
    close_others(t, t->sockets, t->socket_count, sockets, count);
    if (count > 0)
        memcpy(t->sockets, sockets, count * sizeof *sockets);
    t->socket_count = count;
    (void)snprintf(t->way, sizeof t->way, "%s", way);
    t->is_down = false;
}

enum err agent_tls_set(struct agent_tls *t, const struct settings *settings,
                       struct err_info *why)
{
    struct agent_tls_socket sockets[AGENT_TLS_SOCKETS] = {0};
    struct splice_options ignored = {0};
    const char *way = settings->agent_tls;
    struct child started = {0};
    size_t count = 0;
    bool back = false;

    if (way[0] == '\0') {
        let_go(t);
        hold(t, NULL, 0, "");
        return ERR_OK;
    }
    if (strlen(way) >= sizeof t->way || !splice_read(way, &ignored))
        return err_set(why, ERR_CONFIG,
                       "agent.tls: \"%.100s\" is no splice:ADDRESS:PORT, such as "
                       "splice:127.0.0.1:8443",
                       way);
    TRY(open_all(t, settings, sockets, &count, why));
    if (same(t, sockets, count, way) && t->listener.pid != 0)
        return ERR_OK;
    for (size_t i = 0; i < count; i++)
        back = back || splice_leads_back(way, &sockets[i].at);
    enum err result =
        back ? err_set(why, ERR_CONFIG, "agent.tls: %s is the agent itself", way)
             : start(t, sockets, count, way, &started, why);
    if (result != ERR_OK) {
        close_others(t, sockets, count, t->sockets, t->socket_count);
        return result;
    }
    let_go(t); /* after the next one listens: nobody is refused in between */
    hold(t, sockets, count, way);
    t->by_systemd = t->by_systemd || (settings->agent_tls_listen.count == 0 &&
                                      sockets[0].fd == HANDED_FIRST);
    t->listener = started;
    return ERR_OK;
}

bool agent_tls_holds(const struct agent_tls *t, int64_t port)
{
    for (size_t i = 0; i < t->socket_count; i++)
        if (t->sockets[i].at.port == port)
            return true;
    return false;
}

/* ---- looking after it ---- */

static bool is_gone(const struct agent_tls *t)
{
    struct pollfd polled = {.fd = t->listener.fd, .events = POLLIN};

    return t->listener.pid != 0 && poll(&polled, 1, 0) > 0;
}

static void start_again(struct agent_tls *t)
{
    struct err_info why = {0};

    if (t->socket_count == 0 || t->listener.pid != 0 ||
        clock_monotonic_us() < t->started_us + AGAIN_US)
        return;
    if (start(t, t->sockets, t->socket_count, t->way, &t->listener, &why) != ERR_OK)
        report_warning("agent.tls: %s; it is tried again", why.detail);
}

static void tell_of_behind(struct agent_tls *t, const struct listener_counts *before)
{
    if (t->now.failed > before->failed && !t->is_down) {
        report_warning("agent.tls: the server behind (%s) cannot be reached: %s", t->way,
                       strerror((int)t->now.reason));
        t->is_down = true;
    } else if (t->is_down && t->now.failed == before->failed &&
               t->now.passed > before->passed) {
        report_warning("agent.tls: the server behind (%s) is reached again", t->way);
        t->is_down = false;
    }
}

static bool look(struct agent_tls *t)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct wire_message m = {.type = WIRE_COUNTS};
    struct listener_counts before = t->now;
    struct err_info ignored = {0};
    struct span text;

    t->look_us = clock_monotonic_us() + AGENT_TLS_LOOK_MS * 1000LL;
    if (call(&t->listener, a, &m, &text, &ignored) != ERR_OK ||
        !listener_counts_read(text, &t->now)) {
        forget_listener(t);
        return true;
    }
    tell_of_behind(t, &before);
    return memcmp(&before, &t->now, sizeof before) != 0;
}

bool agent_tls_serve(struct agent_tls *t)
{
    bool changed = false;

    reap(t);
    if (is_gone(t)) {
        report_warning("agent.tls: the process that listens has ended unexpectedly; "
                       "another one is started");
        forget_listener(t);
        changed = true;
    }
    start_again(t);
    agent_tls_hear(t);
    if (t->listener.pid != 0 && clock_monotonic_us() >= t->look_us)
        changed = look(t) || changed;
    return changed;
}

int64_t agent_tls_pause_ms(const struct agent_tls *t)
{
    int64_t at_us = t->listener.pid != 0 ? t->look_us : t->started_us + AGAIN_US;
    int64_t left_us = at_us - clock_monotonic_us();

    if (t->socket_count == 0)
        return -1;
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

/* ---- what is told of it ---- */

static struct listener_counts sum(const struct agent_tls *t)
{
    return (struct listener_counts){.open = t->now.open,
                                    .passed = t->ended.passed + t->now.passed,
                                    .failed = t->ended.failed + t->now.failed,
                                    .answered = t->ended.answered + t->now.answered};
}

void agent_tls_metrics(const struct agent_tls *t, struct buf *b)
{
    const struct listener_counts counts = sum(t);
    const struct listener_counts *n = &counts;

    if (t->socket_count == 0)
        return;
#define METRIC(name, type, help, value)                                                  \
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name, \
               (unsigned long long)(value));
#include "client/agent/agent_tls_metrics.def"
#undef METRIC
}

void agent_tls_status(const struct agent_tls *t, struct json_writer *w)
{
    const struct listener_counts n = sum(t);

    if (t->socket_count == 0)
        return;
    json_write_begin_object(w, "tls");
    json_write_begin_array(w, "listen");
    for (size_t i = 0; i < t->socket_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_text_with_port(&t->sockets[i].at, text);
        json_write_text(w, NULL, text);
    }
    json_write_end_array(w);
    json_write_text(w, "behind", t->way);
    json_write_bool(w, "reached", !t->is_down);
    json_write_number(w, "open", (int64_t)n.open);
    json_write_number(w, "passed", (int64_t)n.passed);
    json_write_number(w, "failed", (int64_t)n.failed);
    json_write_number(w, "answered", (int64_t)n.answered);
    json_write_number(w, "pid", t->listener.pid);
    json_write_end_object(w);
}

/* ---- the end ---- */

void agent_tls_close(struct agent_tls *t)
{
    for (size_t i = 0; i < AGENT_TLS_ASKERS; i++)
        if (t->askers[i].fd >= 0)
            (void)close(t->askers[i].fd);
    for (size_t i = 0; i < t->socket_count; i++)
        (void)close(t->sockets[i].fd);
    if (t->listener.pid != 0)
        (void)close(t->listener.fd);
}

void agent_tls_end(struct agent_tls *t)
{
    if (t == NULL)
        return;
    let_go(t);
    agent_tls_close(t);
    for (size_t i = 0; i < t->proof_count; i++) {
        free(t->proofs[i].identifier);
        free(t->proofs[i].key_authorization);
    }
    free(t);
}
