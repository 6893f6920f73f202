/* The control socket's thread. */
#include "server/admin/admin_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/net/socket.h"
#include "server/admin/admin_request.h"

#define READ_SIZE      (16 * 1024) /* octets at a time */
#define ACCEPT_WAIT_MS 100         /* when there are no descriptors */

enum { WAKE, LISTENER, FIRST }; /* what is polled, in this order */

struct connection {
    int fd; /* -1: free */
    uid_t uid;
    bool may; /* is root, or the owner */
    struct buf in;
    struct buf out; /* not empty: the request was answered */
    size_t sent;
    int64_t due_us;
};

struct admin_server {
    int listener;
    int wake; /* eventfd(2): the end */
    uid_t owner;
    struct services *_Atomic services;
    struct store_session *session;
    struct connection connections[ADMIN_SERVER_CONNECTIONS];
    pthread_t thread;
    bool runs;
};

static void drop(struct connection *c)
{
    (void)close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
    buf_free(&c->out);
}

static void push_deadline(struct connection *c)
{
    c->due_us = clock_monotonic_us() + ADMIN_SERVER_TIME_MS * 1000LL;
}

/* ---- a request ---- */

static void refuse(struct connection *c, enum err code, const char *detail)
{
    struct err_info why = {0};

    (void)err_set(&why, code, "%s", detail);
    admin_request_error(&c->out, code, &why);
}

static void run(struct admin_server *s, struct connection *c)
{
    AUTO(arena) struct arena *a = arena_new();
    struct services *services = atomic_load(&s->services);
    struct admin_call call = {.arena = a,
                              .settings = services->settings,
                              .session = s->session,
                              .services = services,
                              .uid = (int64_t)c->uid};
    enum err result =
        admin_request_run(&call, services->store, buf_span(&c->in), &c->out);

    /* arguments may hold what must not be read here */
    log_event(LOG_LEVEL_NOTICE, "admin.command",
              "command=" LOG_QUOTE " uid=%lu result=%s",
              call.command != NULL ? call.command->name : "", (unsigned long)c->uid,
              result == ERR_OK ? "OK" : err_name(result));
}

/* The request is whole, or will never be. */
static void answer(struct admin_server *s, struct connection *c)
{
    if (!c->may)
        refuse(c, ERR_UNAUTHORIZED, "only root and the owner of the folder may do this");
    else if (c->in.failed)
        refuse(c, ERR_TOO_LARGE, "the request is too large");
    else
        run(s, c);
    push_deadline(c);
}

static void on_readable(struct admin_server *s, struct connection *c)
{
    uint8_t octets[READ_SIZE];
    ssize_t got = recv(c->fd, octets, sizeof octets, MSG_DONTWAIT);

    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            drop(c);
        return;
    }
    if (got == 0 && c->in.len == 0) {
        drop(c); /* somebody who only wanted to know whether we are here */
        return;
    }
    buf_add(&c->in, octets, (size_t)got);
    if (got == 0 || c->in.failed || !c->may)
        answer(s, c);
}

static void on_writable(struct connection *c)
{
    ssize_t sent = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR)
            drop(c);
        return;
    }
    c->sent += (size_t)sent;
    if (c->sent == c->out.len)
        drop(c);
}

/* ---- connections ---- */

static struct connection *free_place(struct admin_server *s)
{
    for (size_t i = 0; i < ADMIN_SERVER_CONNECTIONS; i++)
        if (s->connections[i].fd < 0)
            return &s->connections[i];
    return NULL;
}

static void take(struct admin_server *s, struct connection *c)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            (void)poll(NULL, 0, ACCEPT_WAIT_MS);
        return;
    }
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    *c = (struct connection){.fd = fd,
                             .uid = peer.uid,
                             .may = known && (peer.uid == 0 || peer.uid == s->owner),
                             .in = buf_make(ADMIN_REQUEST_MAX),
                             .out = buf_make(ADMIN_ANSWER_MAX)};
    push_deadline(c);
}

static void serve(struct admin_server *s, struct connection *c, short events)
{
    if (c->fd >= 0 && events != 0 && c->out.len == 0)
        on_readable(s, c);
    else if (c->fd >= 0 && events != 0)
        on_writable(c);
    if (c->fd >= 0 && clock_monotonic_us() >= c->due_us)
        drop(c);
}

static int wait_ms(const struct admin_server *s)
{
    int64_t due_us = INT64_MAX;

    for (size_t i = 0; i < ADMIN_SERVER_CONNECTIONS; i++)
        if (s->connections[i].fd >= 0 && s->connections[i].due_us < due_us)
            due_us = s->connections[i].due_us;
    if (due_us == INT64_MAX)
        return -1;
    int64_t left_us = due_us - clock_monotonic_us();
    return left_us <= 0 ? 0
                        : (int)(left_us / 1000 + 1); /* at most ADMIN_SERVER_TIME_MS */
}

static void *thread_main(void *argument)
{
    struct admin_server *s = argument;
    struct pollfd polled[FIRST + ADMIN_SERVER_CONNECTIONS];

    while (true) {
        polled[WAKE] = (struct pollfd){.fd = s->wake, .events = POLLIN};
        polled[LISTENER] = (struct pollfd){.fd = free_place(s) != NULL ? s->listener : -1,
                                           .events = POLLIN};
        for (size_t i = 0; i < ADMIN_SERVER_CONNECTIONS; i++) {
            const struct connection *c = &s->connections[i];
            polled[FIRST + i] = (struct pollfd){
                .fd = c->fd, .events = c->out.len == 0 ? POLLIN : POLLOUT};
        }
        if (poll(polled, FIRST + ADMIN_SERVER_CONNECTIONS, wait_ms(s)) < 0)
            continue;
        if (polled[WAKE].revents != 0)
            return NULL;
        for (size_t i = 0; i < ADMIN_SERVER_CONNECTIONS; i++)
            serve(s, &s->connections[i], polled[FIRST + i].revents);
        struct connection *place = free_place(s);
        if (polled[LISTENER].revents != 0 && place != NULL)
            take(s, place);
    }
}

/* ---- the server ---- */

static enum err start(struct admin_server *s, struct store *store, struct err_info *why)
{
    TRY(socket_adopt_listener(s->listener, why));
    TRY(store_session_open(store, &s->session, why));
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return err_set_os(why, ERR_INTERNAL, errno, "eventfd");
    if (pthread_create(&s->thread, NULL, thread_main, s) != 0)
        return err_set(why, ERR_INTERNAL, "no thread for the control socket");
    s->runs = true;
    return ERR_OK;
}

enum err admin_server_new(int listener, uid_t owner, struct services *services,
                          struct admin_server **server, struct err_info *why)
{
    struct admin_server *s = memory_get_zeroed(1, sizeof *s);

    s->listener = listener;
    s->wake = -1;
    s->owner = owner;
    atomic_init(&s->services, services);
    for (size_t i = 0; i < ADMIN_SERVER_CONNECTIONS; i++)
        s->connections[i].fd = -1;
    enum err result = start(s, services->store, why);
    if (result != ERR_OK) {
        admin_server_free(s);
        return result;
    }
    *server = s;
    return ERR_OK;
}

void admin_server_free(struct admin_server *server)
{
    const uint64_t one = 1;

    if (server == NULL)
        return;
    if (server->runs) {
        while (write(server->wake, &one, sizeof one) < 0 && errno == EINTR)
            continue;
        (void)pthread_join(server->thread, NULL);
    }
    for (size_t i = 0; i < ADMIN_SERVER_CONNECTIONS; i++)
        if (server->connections[i].fd >= 0)
            drop(&server->connections[i]);
    if (server->wake >= 0)
        (void)close(server->wake);
    store_session_close(server->session);
    (void)close(server->listener);
    free(server);
}

void admin_server_use(struct admin_server *server, struct services *services)
{
    if (server != NULL)
        atomic_store(&server->services, services);
}
