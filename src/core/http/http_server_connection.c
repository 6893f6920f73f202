/* One connection: octets in and out, over TLS or not, and its end. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/http_server_private.h"

/* Input while a request is being answered is for later: it is let lie in the socket. Only
 * then is the interest in it taken back, because most clients wait for their answer. */
static void on_events(void *argument, int events)
{
    struct server_connection *c = argument;

    if ((events & LOOP_READ) != 0)
        c->readable = true;
    if (c->stage == SERVER_WAITING && events == LOOP_READ) {
        loop_fd_want(c->watch, 0);
        return;
    }
    http_server_connection_go_on(c);
}

struct server_connection *http_server_connection_new(struct server_thread *t, int fd,
                                                     const struct address *peer, bool tls)
{
    struct http_server *s = t->server;
    struct server_connection *c = memory_get_zeroed(1, sizeof *c);

    c->thread = t;
    c->fd = fd;
    c->peer = *peer;
    c->in = buf_make(s->limits.head_octets + SERVER_SCRATCH);
    c->out = buf_make(SERVER_OUT_MAX);
    c->body = buf_make((size_t)s->limits.body_octets);
    c->write_deadline_us = SERVER_NEVER;
    c->read_wanted = true;
    c->stage = SERVER_IDLE;
    c->readable = true; /* most clients have spoken already */
    http_server_connection_deadline(c, s->limits.idle_ms);
    if (tls) {
        pthread_mutex_lock(&s->lock);
        c->tls = tls_connection_accept(s->tls, fd);
        pthread_mutex_unlock(&s->lock);
        c->stage = SERVER_HANDSHAKE;
        http_server_connection_deadline(c, s->limits.handshake_ms);
    }
    c->watch = loop_fd_new(t->loop, fd, on_events, c);
    return c;
}

void http_server_connection_free(struct server_connection *c)
{
    http_server_thread_forget(c);
    loop_fd_free(c->watch);
    http_server_h1_drop(c);
    if (c->h2 != NULL)
        http_server_h2_free(c);
    if (c->rest_arena != NULL)
        http_server_thread_arena_back(c->thread, c->rest_arena);
    tls_connection_free(c->tls);
    (void)close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    buf_free(&c->body);
    free(c);
}

void http_server_connection_deadline(struct server_connection *c, int64_t milliseconds)
{
    c->deadline_us = clock_monotonic_us() + milliseconds * 1000;
}

bool http_server_connection_is_idle(const struct server_connection *c)
{
    if (c->h2 != NULL)
        return c->stage == SERVER_H2 && http_server_h2_is_idle(c) &&
               c->out.len == c->out_at;
    return c->stage == SERVER_IDLE && c->out.len == c->out_at;
}

bool http_server_connection_is_full(const struct server_connection *c)
{
    return c->rest.len > 0 || c->out.len - c->out_at >= SERVER_OUT_ENOUGH;
}

/* ---- octets ---- */

static enum tls_result plain_result(ssize_t done, enum tls_result again)
{
    if (done > 0)
        return TLS_DONE;
    if (done == 0)
        return TLS_CLOSED;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? again : TLS_FAILED;
}

static enum tls_result read_some(struct server_connection *c, size_t *len)
{
    struct err_info why = {0};

    /* what a refused peer still sends is not worth deciphering */
    if (c->tls != NULL && c->stage != SERVER_LINGER)
        return tls_connection_read(c->tls, c->thread->scratch, SERVER_SCRATCH, len, &why);
    ssize_t done = recv(c->fd, c->thread->scratch, SERVER_SCRATCH, 0);
    *len = done > 0 ? (size_t)done : 0;
    return plain_result(done, TLS_WANT_READ);
}

static enum tls_result write_some(struct server_connection *c, struct span octets,
                                  size_t *len)
{
    struct err_info why = {0};

    if (c->tls != NULL)
        return tls_connection_write(c->tls, octets, len, &why);
    ssize_t done = send(c->fd, octets.data, octets.len, MSG_NOSIGNAL);
    *len = done > 0 ? (size_t)done : 0;
    return plain_result(done, TLS_WANT_WRITE);
}

int64_t http_server_connection_progress(const struct server_connection *c,
                                        int64_t deadline_us, size_t octets)
{
    const struct http_server_limits *l = &c->thread->server->limits;
    int64_t latest = clock_monotonic_us() + l->write_ms * 1000;
    int64_t earned = (int64_t)octets * 1000000 / l->write_rate;

    return deadline_us < latest - earned ? deadline_us + earned : latest;
}

/* `out` is written: put in what comes next of a large body. False: there is none. */
static bool refill(struct server_connection *c)
{
    struct span next = span_slice(c->rest, 0, SERVER_OUT_ENOUGH);

    if (next.len == 0)
        return false;
    buf_add_span(&c->out, next);
    c->rest = span_slice(c->rest, next.len, c->rest.len);
    if (c->rest.len == 0) {
        http_server_thread_arena_back(c->thread, c->rest_arena);
        c->rest_arena = NULL;
    }
    return true;
}

/* Write what is queued; false when the connection is broken. */
static bool write_out(struct server_connection *c)
{
    c->write_blocked_by_read = false;
    for (;;) {
        if (c->h2 != NULL)
            http_server_h2_output(c);
        if (c->out_at == c->out.len && !refill(c))
            break;
        size_t len = 0;
        enum tls_result result =
            write_some(c, span_slice(buf_span(&c->out), c->out_at, c->out.len), &len);
        if (result == TLS_WANT_WRITE || result == TLS_WANT_READ) {
            c->write_blocked_by_read = result == TLS_WANT_READ;
            if (c->write_deadline_us == SERVER_NEVER)
                c->write_deadline_us =
                    clock_monotonic_us() + c->thread->server->limits.write_ms * 1000;
            return true;
        }
        if (result != TLS_DONE)
            return false;
        c->out_at += len;
        if (c->write_deadline_us != SERVER_NEVER)
            c->write_deadline_us =
                http_server_connection_progress(c, c->write_deadline_us, len);
        if (c->out_at == c->out.len) {
            buf_clear(&c->out);
            c->out_at = 0;
        } else if (c->out_at >= SERVER_OUT_ENOUGH) {
            /* a peer that is always a little behind must not fill the buffer */
            buf_drop(&c->out, c->out_at);
            c->out_at = 0;
        }
    }
    c->write_deadline_us = SERVER_NEVER;
    return true;
}

/* ---- reading ---- */

static bool take(struct server_connection *c, struct span octets)
{
    if (c->stage == SERVER_LINGER) {
        c->forgotten += (int64_t)octets.len;
        return c->forgotten <= c->thread->server->limits.linger_octets;
    }
    if (c->h2 != NULL)
        return http_server_h2_input(c, octets);
    buf_add_span(&c->in, octets);
    if (c->in.failed)
        return false; /* cannot be: a head is refused before it is that long */
    http_server_h1_process(c);
    return true;
}

static bool wants_input(const struct server_connection *c)
{
    return !c->ended &&
           ((c->stage == SERVER_IDLE && !c->held) || c->stage == SERVER_HEAD ||
            c->stage == SERVER_BODY || c->stage == SERVER_LINGER ||
            (c->stage == SERVER_H2 && c->read_wanted));
}

static bool may_have_input(const struct server_connection *c)
{
    return c->readable || (c->tls != NULL && c->stage != SERVER_LINGER &&
                           tls_connection_has_pending(c->tls));
}

/* Read while there is something and somebody who wants it; false: broken. `*more` says
 * that input may be left which the descriptor does not announce. */
static bool read_in(struct server_connection *c, bool *more)
{
    *more = false;
    for (int i = 0; i < SERVER_READS_A_TURN && wants_input(c) && may_have_input(c); i++) {
        size_t len = 0;
        enum tls_result result = read_some(c, &len);
        if (result == TLS_WANT_READ || result == TLS_WANT_WRITE) {
            c->readable = false;
            return true;
        }
        if (result == TLS_CLOSED) {
            c->ended = true;
            return true;
        }
        c->readable = len == SERVER_SCRATCH; /* else the loop will tell of more */
        if (result != TLS_DONE || !take(c, span_make(c->thread->scratch, len)))
            return false;
    }
    *more = c->tls != NULL && tls_connection_has_pending(c->tls);
    return true;
}

static bool handshake(struct server_connection *c)
{
    struct http_server *s = c->thread->server;
    struct err_info why = {0};

    switch (tls_connection_handshake(c->tls, &why)) {
    case TLS_DONE:
        c->readable = true;
        c->stage = SERVER_IDLE;
        http_server_connection_deadline(c, s->limits.idle_ms);
        if (tls_connection_alpn_is(c->tls, TLS_ALPN_H2)) {
            c->stage = SERVER_H2;
            return http_server_h2_begin(c);
        }
        return true;
    case TLS_WANT_READ:
        loop_fd_want(c->watch, LOOP_READ);
        return true;
    case TLS_WANT_WRITE:
        loop_fd_want(c->watch, LOOP_WRITE);
        return true;
    default:
        SERVER_COUNT(s, handshakes_failed);
        return false;
    }
}

/* ---- the end ---- */

void http_server_connection_finish(struct server_connection *c)
{
    if (c->stage < SERVER_CLOSING)
        c->stage = SERVER_CLOSING;
    c->deadline_us = SERVER_NEVER;
}

/* Everything is written: say so, and let the peer read it before the descriptor goes. A
 * close with unread input would reset the connection and the last reply with it. */
static void linger(struct server_connection *c)
{
    if (c->tls != NULL)
        tls_connection_end(c->tls);
    (void)shutdown(c->fd, SHUT_WR);
    c->stage = SERVER_LINGER;
    http_server_connection_deadline(c, c->thread->server->limits.linger_ms);
}

void http_server_connection_close(struct server_connection *c)
{
    if (c->tls != NULL)
        tls_connection_end(c->tls);
    http_server_connection_free(c);
}

/* Is the last octet written, while the peer may still be sending? */
static bool has_said_all(const struct server_connection *c)
{
    if (c->out_at != c->out.len)
        return false;
    return c->stage == SERVER_CLOSING ||
           (c->stage == SERVER_H2 && !c->ended && http_server_h2_is_over(c));
}

/* Is there nothing left to do with it? */
static bool is_over(const struct server_connection *c)
{
    bool written = c->out_at == c->out.len;

    if (c->stage == SERVER_LINGER)
        return c->ended;
    if (c->h2 != NULL && c->stage == SERVER_H2)
        return written && http_server_h2_is_over(c);
    return c->ended && written && c->stage != SERVER_WAITING &&
           c->stage != SERVER_CLOSING;
}

static void want(struct server_connection *c)
{
    int events = 0;

    if (c->stage == SERVER_WAITING && c->out_at == c->out.len)
        return; /* as it is, see on_events() */
    if (c->out_at < c->out.len)
        events |= c->write_blocked_by_read ? LOOP_READ : LOOP_WRITE;
    if (wants_input(c))
        events |= LOOP_READ;
    loop_fd_want(c->watch, events);
}

/* Nothing is going on: keep no memory for it. */
static void slim(struct server_connection *c)
{
    if (c->in.len == 0)
        buf_free(&c->in);
    if (c->out.len == 0)
        buf_free(&c->out);
    buf_free(&c->body);
}

/* A posted go_on finds its connection by name: it may be gone by then. */
struct posted {
    struct server_thread *thread;
    struct http_token token;
};

static void go_on_posted(void *argument)
{
    struct posted *p = argument;
    struct server_connection *c = http_server_thread_find(p->thread, &p->token);

    if (c != NULL)
        http_server_connection_go_on(c);
    free(p);
}

static void go_on_later(struct server_connection *c)
{
    struct posted *p = memory_get_zeroed(1, sizeof *p);

    p->thread = c->thread;
    p->token.slot = c->slot;
    p->token.generation = c->generation;
    loop_post(c->thread->loop, go_on_posted, p);
}

/* Replies were written: go on with the request that waited for it. False: broken. */
static bool take_up(struct server_connection *c)
{
    if (!c->held || http_server_connection_is_full(c))
        return true;
    c->held = false;
    http_server_h1_process(c);
    return write_out(c);
}

void http_server_connection_go_on(struct server_connection *c)
{
    bool more = false;

    if (c->stage == SERVER_HANDSHAKE) {
        if (!handshake(c)) {
            http_server_connection_free(c);
            return;
        }
        if (c->stage == SERVER_HANDSHAKE)
            return;
    }
    if (!read_in(c, &more) || !write_out(c) || !take_up(c)) {
        http_server_connection_free(c);
        return;
    }
    if (has_said_all(c))
        linger(c);
    if (is_over(c)) {
        if (c->stage == SERVER_LINGER)
            http_server_connection_free(c);
        else
            http_server_connection_close(c);
        return;
    }
    want(c);
    if (more && wants_input(c))
        go_on_later(c);
    else if (http_server_connection_is_idle(c))
        slim(c);
}

void http_server_connection_expired(struct server_connection *c)
{
    static const struct http_refusal late = {408, "the request took too long to arrive"};
    struct http_server *s = c->thread->server;
    bool writing = c->write_deadline_us <= clock_monotonic_us();

    if (!writing && c->stage == SERVER_IDLE && c->rest.len > 0) {
        /* a large body takes its time: limits.write_time and write_rate judge that */
        http_server_connection_deadline(c, s->limits.idle_ms);
        return;
    }
    if (c->stage == SERVER_HANDSHAKE)
        SERVER_COUNT(s, handshakes_failed);
    else if (c->stage != SERVER_LINGER)
        SERVER_COUNT(s, timed_out);
    if (!writing && (c->stage == SERVER_HEAD || c->stage == SERVER_BODY)) {
        http_server_h1_refuse(c, &late);
        http_server_connection_go_on(c);
        return;
    }
    if (!writing && c->stage == SERVER_H2 && !http_server_h2_is_over(c)) {
        http_server_h2_goaway(c);
        c->deadline_us = SERVER_NEVER;
        http_server_connection_deadline(c, s->limits.linger_ms);
        c->stage = SERVER_CLOSING;
        http_server_connection_go_on(c);
        return;
    }
    if (http_server_connection_is_idle(c))
        http_server_connection_close(c);
    else
        http_server_connection_free(c);
}
