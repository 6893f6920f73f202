/* The server's contract: made, asked, ended. Work is done by its threads. */
#include "core/http/http_server.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/http_server_private.h"

#define LOOK_MS 5 /* between two looks whether connections or listeners are gone */

struct http_server_limits http_server_limits_default(void)
{
    struct http_server_limits limits = {
#define HTTP_SERVER_LIMIT(name, value, comment) .name = value,
#include "core/http/http_server_limits.def"
#undef HTTP_SERVER_LIMIT
    };
    return limits;
}

enum err http_server_new(const struct http_server_limits *limits,
                         const struct http_server_callbacks *callbacks,
                         struct http_server **s, struct err_info *why)
{
    struct http_server *made = memory_get_zeroed(1, sizeof *made);

    made->limits = limits != NULL ? *limits : http_server_limits_default();
    made->callbacks = *callbacks;
    made->parse_limits.head_octets = (size_t)made->limits.head_octets;
    made->parse_limits.header_count = (size_t)made->limits.header_count;
    made->parse_limits.target_octets = (size_t)made->limits.target_octets;
    pthread_mutex_init(&made->lock, NULL);
    made->peers = http_server_peers_new();
    made->thread_count = (size_t)made->limits.io_threads;
    made->threads = memory_get_zeroed(made->thread_count, sizeof *made->threads);
    for (size_t i = 0; i < made->thread_count; i++) {
        enum err result =
            http_server_thread_start(made, &made->threads[i], (uint32_t)i, why);
        if (result != ERR_OK) {
            http_server_free(made);
            return result;
        }
    }
    *s = made;
    return ERR_OK;
}

void http_server_set_tls(struct http_server *s, struct tls_context *c)
{
    struct tls_context *fresh = tls_context_ref(c);

    pthread_mutex_lock(&s->lock);
    struct tls_context *old = s->tls;
    s->tls = fresh;
    pthread_mutex_unlock(&s->lock);
    tls_context_unref(old);
}

void http_server_listen(struct http_server *s, int fd, bool tls)
{
    static atomic_uint turn;

    http_server_thread_listen(
        &s->threads[atomic_fetch_add(&turn, 1) % (unsigned int)s->thread_count], fd, tls);
}

/* ---- replies ---- */

/* A reply on its way to the connection's thread; in the request's arena. */
struct delivery {
    struct server_thread *thread;
    struct http_request *request;
    struct http_reply reply;
};

static void deliver(void *argument)
{
    struct delivery *d = argument;
    struct server_thread *t = d->thread;
    struct arena *arena = d->request->arena;
    struct server_connection *c = http_server_thread_find(t, &d->request->token);

    if (c == NULL) {
        SERVER_COUNT(t->server, replies_dropped);
        http_server_thread_arena_back(t, arena);
        return;
    }
    if (c->h2 != NULL) {
        http_server_h2_reply(c, d->request,
                             &d->reply); /* keeps the arena until it is sent */
    } else {
        if (!http_server_h1_reply(c, d->request, &d->reply))
            http_server_thread_arena_back(t, arena);
    }
    http_server_connection_go_on(c);
}

void http_server_reply(struct http_server *s, struct http_request *request,
                       const struct http_reply *reply)
{
    struct delivery *d = arena_get(request->arena, sizeof *d);

    d->thread = &s->threads[request->token.thread];
    d->request = request;
    d->reply = *reply;
    loop_post(d->thread->loop, deliver, d);
}

/* ---- the end ---- */

void http_server_stop_accepting(struct http_server *s)
{
    for (size_t i = 0; i < s->thread_count; i++)
        loop_post(s->threads[i].loop, http_server_thread_close_listeners, &s->threads[i]);
}

/* Wait until the count is 0; false if that took too long. */
static bool wait_for_none(atomic_long *count, int64_t until_us)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

    while (atomic_load(count) > 0 && clock_monotonic_us() < until_us)
        (void)nanosleep(&pause, NULL);
    return atomic_load(count) == 0;
}

bool http_server_drain(struct http_server *s, int64_t milliseconds)
{
    int64_t until = clock_monotonic_us() + milliseconds * 1000;

    for (size_t i = 0; i < s->thread_count; i++)
        loop_post(s->threads[i].loop, http_server_thread_drain, &s->threads[i]);
    /* a listener that is still there may be handing out one more connection */
    return wait_for_none(&s->listening, until) && wait_for_none(&s->open, until);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    /* threads hand each other connections as long as there are listeners */
    http_server_stop_accepting(s);
    (void)wait_for_none(&s->listening, INT64_MAX);
    for (size_t i = 0; i < s->thread_count; i++)
        http_server_thread_end(&s->threads[i]);
    for (size_t i = 0; i < s->thread_count; i++)
        http_server_thread_free(&s->threads[i]);
    free(s->threads);
    tls_context_unref(s->tls);
    http_server_peers_free(s->peers);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct http_server_counts http_server_counts(struct http_server *s)
{
    struct http_server_counts counts = {
#define HTTP_SERVER_COUNT(name, comment) .name = atomic_load(&s->counts.name),
#include "core/http/http_server_counts.def"
#undef HTTP_SERVER_COUNT
    };
    return counts;
}
