/* Looking at connections, and passing them on. */
#include "client/solve/splice.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/solve/splice_proxy.h"
#include "core/base/memory.h"
#include "core/net/client_hello.h"
#include "core/net/socket.h"
#include "core/net/tls.h"

#define ROOM          (64 * 1024) /* octets under way in one direction */
#define PEEK_MAX      (CLIENT_HELLO_MAX + 1024)
#define KEEPALIVE_S   120
#define READS_AT_ONCE 4
#define LAST_WORDS_MS 600000 /* of a client whose server has said its last */

enum stage {
    STAGE_LOOKING, /* at the first message */
    STAGE_DIALING, /* the server behind */
    STAGE_PASSING,
};

/* From one socket to the other. */
struct direction {
    uint8_t *data; /* NULL while nothing is under way: who is idle costs nothing */
    size_t begin;
    size_t end;
    bool is_over; /* no more will come */
    bool is_said; /* and the other side knows */
};

struct pair {
    struct splice *splice;
    struct pair *next; /* of the list, in both ways */
    struct pair *previous;
    enum stage stage;
    struct address peer;
    int fds[2]; /* client, server behind (-1: none yet) */
    struct loop_fd *watches[2];
    struct loop_timer *timer;
    struct direction to[2]; /* what is to be written to that one */
};

struct splice {
    struct loop *loop;
    struct splice_options options;
    struct pair *first;
    size_t count;
    size_t most;
    bool was_full;
    struct client_hello hello; /* of whoever is looked at */
    uint8_t peeked[PEEK_MAX];
    void (*done)(void *argument);
    void *done_argument;
};

/* ---- life ---- */

static void count(struct splice *s, int more)
{
    s->count = more > 0 ? s->count + 1 : s->count - 1;
    if (s->options.counts != NULL)
        atomic_store(&s->options.counts->open, s->count);
}

static void close_pair(struct pair *p)
{
    struct splice *s = p->splice;

    for (int i = 0; i < 2; i++) {
        loop_fd_free(p->watches[i]);
        if (p->fds[i] >= 0)
            (void)close(p->fds[i]);
        free(p->to[i].data);
    }
    loop_timer_free(p->timer);
    if (p->next != NULL)
        p->next->previous = p->previous;
    if (p->previous != NULL)
        p->previous->next = p->next;
    else
        s->first = p->next;
    free(p);
    count(s, -1);
}

/* As close_pair, and those who wait are told. */
static void end_pair(struct pair *p)
{
    struct splice *s = p->splice;

    close_pair(p);
    if (s->was_full && s->options.has_room != NULL) {
        s->was_full = false;
        s->options.has_room(s->options.argument);
    }
    if (s->count == 0 && s->done != NULL)
        s->done(s->done_argument);
}

/* What one side broke off is broken off for the other, too. */
static void break_pair(struct pair *p)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    for (int i = 0; i < 2; i++)
        if (p->fds[i] >= 0)
            (void)setsockopt(p->fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end_pair(p);
}

/* Whoever is gone without a word is found out some day. */
static void keep_alive(int fd)
{
    const int on = 1;
    const int seconds = KEEPALIVE_S;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
}

/* ---- passing on ---- */

static bool is_empty(const struct direction *d)
{
    return d->begin == d->end;
}

static void give_back(struct direction *d)
{
    if (d->data == NULL || !is_empty(d))
        return;
    free(d->data);
    d->data = NULL;
    d->begin = d->end = 0;
}

/* False: the pair is broken. */
static bool write_out(struct pair *p, int i)
{
    struct direction *d = &p->to[i];

    while (!is_empty(d)) {
        ssize_t n = send(p->fds[i], d->data + d->begin, d->end - d->begin, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        d->begin += (size_t)n;
    }
    give_back(d);
    if (d->is_over && !d->is_said) {
        d->is_said = true;
        (void)shutdown(p->fds[i], SHUT_WR); /* the other direction goes on */
        if (i == 0)
            loop_timer_set(p->timer, LAST_WORDS_MS);
    }
    return true;
}

/* From i to the other. */
static bool read_in(struct pair *p, int i)
{
    struct direction *d = &p->to[1 - i];

    for (int n = 0; n < READS_AT_ONCE && !d->is_over; n++) {
        if (d->data == NULL)
            d->data = memory_get(ROOM);
        if (is_empty(d))
            d->begin = d->end = 0;
        if (d->end == ROOM)
            return true; /* the other side is slower: let it catch up */
        ssize_t got = recv(p->fds[i], d->data + d->end, ROOM - d->end, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got < 0)
            return false;
        d->end += (size_t)got;
        d->is_over = got == 0;
        if (!write_out(p, 1 - i))
            return false;
    }
    give_back(d);
    return true;
}

static void want(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        const struct direction *from_it = &p->to[1 - i];
        int events = 0;
        if (!from_it->is_over &&
            (from_it->data == NULL || from_it->end < ROOM || is_empty(from_it)))
            events |= LOOP_READ;
        if (!is_empty(&p->to[i]))
            events |= LOOP_WRITE;
        loop_fd_want(p->watches[i], events);
    }
}

static void pass(struct pair *p, int i, int events)
{
    bool good = (events & LOOP_WRITE) == 0 || write_out(p, i);

    if (good && (events & LOOP_READ) != 0)
        good = read_in(p, i);
    if (!good)
        break_pair(p);
    else if (p->to[0].is_said && p->to[1].is_said)
        end_pair(p);
    else
        want(p);
}

/* ---- dialing ---- */

/* Its client sees the same as if it had come to the server itself. */
static void fail_pair(struct pair *p, int reason)
{
    struct splice_counts *counts = p->splice->options.counts;

    if (counts != NULL) {
        atomic_store(&counts->reason, reason);
        atomic_fetch_add(&counts->failed, 1);
    }
    break_pair(p);
}

static void on_server(void *argument, int events);

/* Both sides are there: what is known of the client goes first. */
static void begin_passing(struct pair *p)
{
    struct direction *d = &p->to[1];
    struct address own = {0};
    struct err_info ignored = {0};

    loop_timer_clear(p->timer);
    p->stage = STAGE_PASSING;
    if (p->splice->options.counts != NULL)
        atomic_fetch_add(&p->splice->options.counts->passed, 1);
    keep_alive(p->fds[0]);
    keep_alive(p->fds[1]);
    if (p->splice->options.proxy != SPLICE_PROXY_NONE) {
        (void)!socket_local_address(p->fds[0], &own, &ignored);
        d->data = memory_get(ROOM);
        d->end = splice_proxy_write(p->splice->options.proxy, &p->peer, &own, d->data);
    }
    want(p);
}

static void end_dialing(struct pair *p)
{
    struct err_info why = {0};

    if (socket_connect_end(p->fds[1], &why) != ERR_OK)
        fail_pair(p, why.os_error);
    else
        begin_passing(p);
}

static void dial(struct pair *p)
{
    const int one = 1;
    struct err_info why = {0};

    (void)setsockopt(p->fds[0], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
    loop_fd_want(p->watches[0], 0);
    p->stage = STAGE_DIALING;
    if (socket_connect_begin(&p->splice->options.behind, &p->fds[1], &why) != ERR_OK) {
        fail_pair(p, why.os_error);
        return;
    }
    p->watches[1] = loop_fd_new(p->splice->loop, p->fds[1], on_server, p);
    loop_fd_want(p->watches[1], LOOP_WRITE);
    loop_timer_set(p->timer, SPLICE_DIAL_MS);
}

/* ---- looking ---- */

static void take(struct pair *p)
{
    const int one = 1;
    struct splice *s = p->splice;
    int fd = p->fds[0];

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
    loop_fd_free(p->watches[0]);
    p->watches[0] = NULL;
    p->fds[0] = -1;
    end_pair(p);
    s->options.take(s->options.argument, fd);
}

/* Nothing is taken from the socket; it is readable again when there is more. */
static void look(struct pair *p)
{
    struct splice *s = p->splice;
    ssize_t n = recv(p->fds[0], s->peeked, sizeof s->peeked, MSG_PEEK);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        break_pair(p);
        return;
    }
    int more = (int)n + 1;
    switch (client_hello_read(span_make(s->peeked, (size_t)n), &s->hello)) {
    case CLIENT_HELLO_MORE:
        /* woken for no more than there is, the client said its last */
        if (n == 0 || (size_t)n == sizeof s->peeked ||
            setsockopt(p->fds[0], SOL_SOCKET, SO_RCVLOWAT, &more, sizeof more) != 0)
            break;
        int had = (int)p->to[1].end; /* not used for anything else before the dialing */
        p->to[1].end = (size_t)n;
        if (had == n)
            break;
        return;
    case CLIENT_HELLO_READ:
        if (client_hello_wants_only(&s->hello, TLS_ALPN_ACME_TLS_1) &&
            s->options.is_ours(s->options.argument, s->hello.server_name)) {
            take(p);
            return;
        }
        break;
    default:
        break;
    }
    p->to[1].end = 0;
    dial(p);
}

/* ---- events ---- */

static void on_client(void *argument, int events)
{
    struct pair *p = argument;

    if (p->stage == STAGE_LOOKING)
        look(p);
    else if (p->stage == STAGE_PASSING)
        pass(p, 0, events);
}

static void on_server(void *argument, int events)
{
    struct pair *p = argument;

    if (p->stage == STAGE_DIALING)
        end_dialing(p);
    else
        pass(p, 1, events);
}

static void on_time_up(void *argument)
{
    struct pair *p = argument;

    if (p->stage == STAGE_LOOKING) {
        p->to[1].end = 0;
        dial(p); /* how long it may take is for the server to say */
    } else if (p->stage == STAGE_DIALING)
        fail_pair(p, ETIMEDOUT);
    else
        break_pair(p);
}

/* ---- all of them ---- */

struct splice *splice_new(struct loop *loop, const struct splice_options *options)
{
    struct splice *s = memory_get_zeroed(1, sizeof *s);

    s->loop = loop;
    s->options = *options;
    s->most = SPLICE_CONNECTIONS_MAX;
    return s;
}

bool splice_add(struct splice *s, int fd, const struct address *peer)
{
    if (s->count == s->most) {
        s->was_full = true;
        return false;
    }
    struct pair *p = memory_get_zeroed(1, sizeof *p);
    p->splice = s;
    p->peer = *peer;
    p->fds[0] = fd;
    p->fds[1] = -1;
    p->next = s->first;
    if (s->first != NULL)
        s->first->previous = p;
    s->first = p;
    count(s, +1);
    p->watches[0] = loop_fd_new(s->loop, fd, on_client, p);
    p->timer = loop_timer_new(s->loop, on_time_up, p);
    loop_timer_set(p->timer, SPLICE_HELLO_MS);
    loop_fd_want(p->watches[0], LOOP_READ);
    return true;
}

size_t splice_count(const struct splice *s)
{
    return s->count;
}

void splice_pause(struct splice *s)
{
    for (struct pair *p = s->first; p != NULL; p = p->next) {
        for (int i = 0; i < 2; i++) {
            loop_fd_free(p->watches[i]);
            p->watches[i] = NULL;
        }
        loop_timer_free(p->timer);
        p->timer = NULL;
    }
    s->loop = NULL;
}

void splice_resume(struct splice *s, struct loop *loop, void (*done)(void *argument),
                   void *argument)
{
    struct pair *next = NULL;

    s->loop = loop;
    s->options.has_room = NULL;
    s->done = done;
    s->done_argument = argument;
    for (struct pair *p = s->first; p != NULL; p = next) {
        next = p->next;
        p->timer = loop_timer_new(loop, on_time_up, p);
        p->watches[0] = loop_fd_new(loop, p->fds[0], on_client, p);
        if (p->fds[1] >= 0)
            p->watches[1] = loop_fd_new(loop, p->fds[1], on_server, p);
        if (p->stage == STAGE_PASSING)
            want(p);
        else if (p->stage == STAGE_LOOKING) {
            p->to[1].end = 0;
            dial(p);
        } else {
            loop_fd_want(p->watches[1], LOOP_WRITE);
            loop_timer_set(p->timer, SPLICE_DIAL_MS);
        }
    }
}

void splice_free(struct splice *s)
{
    if (s == NULL)
        return;
    while (s->first != NULL)
        close_pair(s->first);
    free(s);
}
