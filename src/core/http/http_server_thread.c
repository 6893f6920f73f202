/* One I/O thread: accepting, slots, deadlines. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/http_server_private.h"
#include "core/net/socket.h"

#define SLOTS_FIRST     64U
#define NO_SLOT         UINT32_MAX
#define SWEEP_MOST_MS   250
#define SWEEP_LEAST_MS  10
#define ACCEPT_PAUSE_MS 100 /* when descriptors or memory have run out */
#define CROWD           256 /* connections whose memory is worth giving back */

/* ---- slots ---- */

static uint32_t take_slot(struct server_thread *t)
{
    if (t->first_free == NO_SLOT) {
        uint32_t room = t->slot_count > 0 ? t->slot_count * 2 : SLOTS_FIRST;
        t->slots = memory_resize(t->slots, room * sizeof *t->slots);
        for (uint32_t i = t->slot_count; i < room; i++) {
            t->slots[i].connection = NULL;
            t->slots[i].generation = 0;
            t->slots[i].next_free = i + 1 < room ? i + 1 : NO_SLOT;
        }
        t->first_free = t->slot_count;
        t->slot_count = room;
    }
    uint32_t slot = t->first_free;
    t->first_free = t->slots[slot].next_free;
    t->slots[slot].generation++;
    return slot;
}

struct server_connection *http_server_thread_find(struct server_thread *t,
                                                  const struct http_token *token)
{
    if (token->slot >= t->slot_count ||
        t->slots[token->slot].generation != token->generation)
        return NULL;
    return t->slots[token->slot].connection;
}

void http_server_thread_forget(struct server_connection *c)
{
    struct server_thread *t = c->thread;

    t->slots[c->slot].connection = NULL;
    t->slots[c->slot].next_free = t->first_free;
    t->first_free = c->slot;
    t->open--;
    atomic_fetch_sub(&t->server->open, 1);
    atomic_fetch_sub_explicit(&t->server->counts.open, 1, memory_order_relaxed);
    http_server_peers_leave(t->server->peers, &c->peer);
}

/* A crowd has gone: the allocator would keep what it needed for the next one. */
static void after_the_crowd(struct server_thread *t)
{
    if (t->most < CROWD || t->open > t->most / 4)
        return;
    t->most = t->open;
    memory_give_back();
}

/* ---- deadlines ---- */

static void sweep(void *argument)
{
    struct server_thread *t = argument;
    int64_t now = clock_monotonic_us();

    for (uint32_t i = 0; i < t->slot_count; i++) {
        struct server_connection *c = t->slots[i].connection;
        if (c == NULL)
            continue;
        if (c->deadline_us <= now || c->write_deadline_us <= now)
            http_server_connection_expired(c);
        else if (c->h2 != NULL)
            http_server_h2_sweep(c, now);
    }
    after_the_crowd(t);
    if (t->open > 0)
        loop_timer_set(t->sweep, t->sweep_ms);
}

/* ---- new connections ---- */

struct handover {
    struct server_thread *thread;
    int fd;
    struct address peer;
    bool tls;
};

/* The connection that has been idle longest makes room for a new one. */
static bool close_longest_idle(struct server_thread *t)
{
    struct server_connection *oldest = NULL;

    for (uint32_t i = 0; i < t->slot_count; i++) {
        struct server_connection *c = t->slots[i].connection;
        if (c != NULL && http_server_connection_is_idle(c) &&
            (oldest == NULL || c->deadline_us < oldest->deadline_us))
            oldest = c;
    }
    if (oldest == NULL)
        return false;
    http_server_connection_close(oldest);
    return true;
}

static void turn_away(struct http_server *s, int fd)
{
    SERVER_COUNT(s, turned_away);
    (void)close(fd);
}

static void begin(struct server_thread *t, int fd, const struct address *peer, bool tls)
{
    struct http_server *s = t->server;

    if (t->draining ||
        (atomic_load(&s->open) >= s->limits.connections && !close_longest_idle(t))) {
        turn_away(s, fd);
        return;
    }
    if (!http_server_peers_enter(s->peers, peer, s->limits.connections_per_peer)) {
        turn_away(s, fd);
        return;
    }
    uint32_t slot = take_slot(t);
    struct server_connection *c = http_server_connection_new(t, fd, peer, tls);
    c->slot = slot;
    c->generation = t->slots[slot].generation;
    t->slots[slot].connection = c;
    if (t->open++ == 0)
        loop_timer_set(t->sweep, t->sweep_ms);
    if (t->open > t->most)
        t->most = t->open;
    atomic_fetch_add(&s->open, 1);
    SERVER_COUNT(s, open);
    SERVER_COUNT(s, accepted);
    http_server_connection_go_on(c);
}

static void begin_posted(void *argument)
{
    struct handover *h = argument;

    begin(h->thread, h->fd, &h->peer, h->tls);
    free(h);
}

/* The threads take turns. */
static void hand_out(struct server_listener *l, int fd, const struct address *peer)
{
    struct http_server *s = l->thread->server;
    struct server_thread *t =
        &s->threads[atomic_fetch_add(&s->next_thread, 1) % (unsigned int)s->thread_count];

    if (t == l->thread) {
        begin(t, fd, peer, l->tls);
        return;
    }
    struct handover *h = memory_get_zeroed(1, sizeof *h);
    h->thread = t;
    h->fd = fd;
    h->peer = *peer;
    h->tls = l->tls;
    loop_post(t->loop, begin_posted, h);
}

static void on_pause_over(void *argument)
{
    struct server_listener *l = argument;

    loop_fd_want(l->watch, LOOP_READ);
}

static void on_acceptable(void *argument, int events)
{
    struct server_listener *l = argument;
    struct address peer;
    int fd = -1;

    (void)events;
    for (int i = 0; i < SERVER_ACCEPTS; i++) {
        switch (socket_accept(l->fd, &fd, &peer)) {
        case SOCKET_ACCEPTED:
            hand_out(l, fd, &peer);
            break;
        case SOCKET_NOTHING:
            return;
        default:
            loop_fd_want(l->watch, 0);
            loop_timer_set(l->pause, ACCEPT_PAUSE_MS);
            return;
        }
    }
}

static void listen_posted(void *argument)
{
    struct server_listener *l = argument;
    struct server_thread *t = l->thread;

    l->next = t->listeners;
    t->listeners = l;
    l->pause = loop_timer_new(t->loop, on_pause_over, l);
    l->watch = loop_fd_new(t->loop, l->fd, on_acceptable, l);
    loop_fd_want(l->watch, LOOP_READ);
}

void http_server_thread_listen(struct server_thread *t, int fd, bool tls)
{
    struct server_listener *l = memory_get_zeroed(1, sizeof *l);

    atomic_fetch_add(&t->server->listening, 1);
    l->thread = t;
    l->fd = fd;
    l->tls = tls;
    loop_post(t->loop, listen_posted, l);
}

void http_server_thread_close_listeners(void *thread)
{
    struct server_thread *t = thread;

    while (t->listeners != NULL) {
        struct server_listener *l = t->listeners;
        t->listeners = l->next;
        loop_fd_free(l->watch);
        loop_timer_free(l->pause);
        (void)close(l->fd);
        free(l);
        atomic_fetch_sub(&t->server->listening, 1);
    }
}

void http_server_thread_drain(void *thread)
{
    struct server_thread *t = thread;

    t->draining = true;
    http_server_thread_close_listeners(t);
    for (uint32_t i = 0; i < t->slot_count; i++) {
        struct server_connection *c = t->slots[i].connection;
        if (c == NULL)
            continue;
        c->close_after = true;
        if (c->h2 != NULL) {
            http_server_h2_goaway(c);
            http_server_connection_go_on(c);
        } else if (http_server_connection_is_idle(c)) {
            http_server_connection_close(c);
        } else if (c->stage == SERVER_HANDSHAKE) {
            http_server_connection_free(c); /* it has not asked for anything */
        }
    }
}

/* ---- arenas, date ---- */

struct arena *http_server_thread_arena(struct server_thread *t)
{
    return t->arena_count > 0 ? t->arenas[--t->arena_count] : arena_new();
}

void http_server_thread_arena_back(struct server_thread *t, struct arena *a)
{
    if (t->arena_count == SERVER_ARENAS_KEPT) {
        arena_free(a);
        return;
    }
    arena_reset(a);
    t->arenas[t->arena_count++] = a;
}

const char *http_server_thread_date(struct server_thread *t)
{
    int64_t now = clock_now();

    if (now != t->date_second) {
        http_date_write(t->date, now);
        t->date_second = now;
    }
    return t->date;
}

/* ---- life ---- */

static void *thread_main(void *argument)
{
    struct server_thread *t = argument;

    loop_run(t->loop);
    return NULL;
}

/* Fine enough for the shortest deadline. */
static int64_t sweep_interval(const struct http_server_limits *l)
{
    int64_t shortest = l->handshake_ms;

    const int64_t others[] = {l->head_ms, l->body_ms, l->idle_ms, l->write_ms,
                              l->linger_ms};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i] < shortest)
            shortest = others[i];
    shortest /= 4;
    if (shortest > SWEEP_MOST_MS)
        return SWEEP_MOST_MS;
    return shortest < SWEEP_LEAST_MS ? SWEEP_LEAST_MS : shortest;
}

enum err http_server_thread_start(struct http_server *s, struct server_thread *t,
                                  uint32_t index, struct err_info *why)
{
    t->server = s;
    t->index = index;
    t->first_free = NO_SLOT;
    t->scratch = memory_get(SERVER_SCRATCH);
    t->sweep_ms = sweep_interval(&s->limits);
    TRY(loop_new(&t->loop, why));
    t->sweep = loop_timer_new(t->loop, sweep, t);
    if (pthread_create(&t->thread, NULL, thread_main, t) != 0)
        return err_set(why, ERR_IO, "cannot start a thread");
    t->started = true;
    return ERR_OK;
}

static void stop_posted(void *argument)
{
    struct server_thread *t = argument;

    http_server_thread_close_listeners(t);
    for (uint32_t i = 0; i < t->slot_count; i++)
        if (t->slots[i].connection != NULL)
            http_server_connection_free(t->slots[i].connection);
    loop_stop(t->loop);
}

void http_server_thread_end(struct server_thread *t)
{
    if (!t->started)
        return;
    loop_post(t->loop, stop_posted, t);
    (void)pthread_join(t->thread, NULL);
}

void http_server_thread_free(struct server_thread *t)
{
    while (t->arena_count > 0)
        arena_free(t->arenas[--t->arena_count]);
    loop_timer_free(t->sweep);
    loop_free(t->loop);
    free(t->slots);
    free(t->scratch);
}
