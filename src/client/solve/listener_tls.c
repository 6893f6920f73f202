/* Answering tls-alpn-01 (RFC 8737): handshakes that ask for "acme-tls/1" and a name that
 * is being proved, and nothing else. Each is bounded in time, and none waits for another.
 * All other connections are ended, or passed on to the server behind (splice.h). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/solve/challenge_certificate.h"
#include "client/solve/listener_private.h"
#include "client/solve/solve_private.h"
#include "client/solve/splice.h"
#include "core/base/memory.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/net/loop.h"
#include "core/net/socket.h"
#include "core/net/tls.h"
#include "core/net/tls_connection.h"
#include "core/x509/certificate.h"

#define HANDSHAKE_MS    10000 /* of one connection, in all */
#define LINGER_MS       1000  /* for the peer to take our last octets */
#define LINGER_OCTETS   16384 /* that it may still send meanwhile */
#define ACCEPTS_AT_ONCE 32
#define ACCEPT_PAUSE_MS 100 /* when descriptors or memory have run out */
#define PEM_MAX         8192

struct answer {
    char *server_name;       /* as SNI has it; owned */
    char *key_authorization; /* owned */
    struct tls_context *context;
};

struct connection {
    struct tls_connection *tls; /* NULL: not used */
    int fd;
    struct loop_fd *watch;
    struct loop_timer *timer;
    uint64_t number; /* in the order of coming */
    bool is_over;    /* only the peer's end is waited for */
    size_t passed_over;
};

static struct {
    int sockets[LISTENER_SOCKETS_MAX];
    struct loop_fd *watches[LISTENER_SOCKETS_MAX];
    size_t socket_count;
    struct loop *loop; /* NULL: not begun */
    pthread_t thread;
    struct loop_timer *pause;
    struct tls_context *door; /* has no certificate, finds one by name */
    struct splice *splice;    /* NULL: nothing is passed on */
    struct connection connections[LISTENER_CONNECTIONS_MAX];
    uint64_t came; /* connections so far */
    struct splice_counts counts;
    atomic_uint_fast64_t answered;
    pthread_mutex_t lock;
    struct answer answers[SOLVE_TOKENS_MAX]; /* guarded */
    size_t count;
} listener = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- one connection ---- */

static void drop(struct connection *c)
{
    if (c->tls == NULL)
        return;
    loop_fd_free(c->watch);
    loop_timer_free(c->timer);
    tls_connection_free(c->tls);
    (void)close(c->fd);
    *c = (struct connection){0};
}

static void on_time_up(void *argument)
{
    drop(argument);
}

/* Closing at once might take from the peer what it has not read yet: an alert. */
static void finish(struct connection *c)
{
    tls_connection_end(c->tls);
    (void)shutdown(c->fd, SHUT_WR);
    c->is_over = true;
    loop_fd_want(c->watch, LOOP_READ);
    loop_timer_set(c->timer, LINGER_MS);
}

static void pass_over(struct connection *c)
{
    char octets[1024];
    ssize_t n = recv(c->fd, octets, sizeof octets, 0);

    if (n > 0)
        c->passed_over += (size_t)n;
    if (n <= 0 || c->passed_over > LINGER_OCTETS)
        drop(c);
}

static void on_connection(void *argument, int events)
{
    struct connection *c = argument;
    struct err_info ignored = {0}; /* the peer's trouble; the CA tells of it */

    (void)events;
    if (c->is_over) {
        pass_over(c);
        return;
    }
    switch (tls_connection_handshake(c->tls, &ignored)) {
    case TLS_WANT_READ:
        loop_fd_want(c->watch, LOOP_READ);
        return;
    case TLS_WANT_WRITE:
        loop_fd_want(c->watch, LOOP_WRITE);
        return;
    case TLS_DONE:
        atomic_fetch_add(&listener.answered, 1);
        finish(c);
        return;
    default: /* RFC 8737 4: it ends with the handshake, good or bad */
        finish(c);
        return;
    }
}

/* A free place, or that of the one which has had the most time. */
static struct connection *place(void)
{
    struct connection *oldest = &listener.connections[0];

    for (size_t i = 0; i < LISTENER_CONNECTIONS_MAX; i++) {
        struct connection *c = &listener.connections[i];
        if (c->tls == NULL)
            return c;
        if (c->number < oldest->number)
            oldest = c;
    }
    drop(oldest);
    return oldest;
}

static void begin_connection(int fd)
{
    struct connection *c = place();

    c->fd = fd;
    c->number = listener.came++;
    c->tls = tls_connection_accept(listener.door, fd);
    c->watch = loop_fd_new(listener.loop, fd, on_connection, c);
    c->timer = loop_timer_new(listener.loop, on_time_up, c);
    loop_timer_set(c->timer, HANDSHAKE_MS);
    loop_fd_want(c->watch, LOOP_READ);
}

/* ---- the socket ---- */

static void want(int events)
{
    for (size_t i = 0; i < listener.socket_count; i++)
        loop_fd_want(listener.watches[i], events);
}

static void on_pause_over(void *argument)
{
    (void)argument;
    want(LOOP_READ);
}

static void on_acceptable(void *argument, int events)
{
    const int *at = argument;

    (void)events;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        struct address peer;
        int fd = -1;
        switch (socket_accept(*at, &fd, &peer)) {
        case SOCKET_ACCEPTED:
            if (listener.splice == NULL)
                begin_connection(fd);
            else if (!splice_add(listener.splice, fd, &peer)) {
                (void)close(fd);
                want(0);
                return;
            }
            break;
        case SOCKET_NOTHING:
            return;
        default:
            want(0);
            loop_timer_set(listener.pause, ACCEPT_PAUSE_MS);
            return;
        }
    }
}

/* ---- certificates ---- */

static struct tls_context *choose(void *argument, const char *server_name)
{
    struct tls_context *found = NULL;

    (void)argument;
    if (server_name == NULL)
        return NULL;
    (void)pthread_mutex_lock(&listener.lock);
    for (size_t i = listener.count; i > 0 && found == NULL; i--)
        if (text_equal_ignoring_case(span_of(listener.answers[i - 1].server_name),
                                     span_of(server_name)))
            found = tls_context_ref(listener.answers[i - 1].context);
    (void)pthread_mutex_unlock(&listener.lock);
    return found;
}

/* A certificate with a key of its own, which nobody else ever sees. */
static enum err make_context(const struct listener_answer *answer,
                             struct tls_context **context, struct err_info *why)
{
    AUTO(key) struct key *key = NULL;
    AUTO(secret) struct secret key_pem = {0};
    AUTO(buf) struct buf der = buf_make(PEM_MAX);
    AUTO(buf) struct buf pem = buf_make(PEM_MAX);

    TRY(key_generate(KEY_P256, 0, &key, why));
    TRY(challenge_certificate_make(&der, key, &answer->identifier,
                                   span_of(answer->key_authorization), why));
    certificate_pem_add(&pem, buf_span(&der));
    TRY(key_to_pem(key, NULL, &key_pem, why));
    const struct tls_server_options o = {.chain_pem = buf_span(&pem),
                                         .key_pem = span_make(key_pem.data, key_pem.len),
                                         .alpn = {TLS_ALPN_ACME_TLS_1},
                                         .only_chosen = true};
    return tls_context_server(&o, context, why);
}

/* RFC 8738 6: SNI knows no addresses, so their names in the DNS are asked for. */
static char *server_name(const struct identifier *identifier)
{
    char reverse[ADDRESS_REVERSE_SIZE];
    struct address address;

    if (!identifier_address(identifier, &address))
        return memory_copy_string(identifier->value);
    address_reverse_name(&address, reverse);
    return memory_copy_string(reverse);
}

enum err listener_tls_add(const struct listener_answer *answer, struct err_info *why)
{
    struct answer made = {0};

    if (listener.count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    TRY(make_context(answer, &made.context, why));
    made.server_name = server_name(&answer->identifier);
    made.key_authorization = memory_copy_string(answer->key_authorization);
    (void)pthread_mutex_lock(&listener.lock);
    listener.answers[listener.count++] = made;
    (void)pthread_mutex_unlock(&listener.lock);
    return ERR_OK;
}

static void free_answer(struct answer *one)
{
    tls_context_unref(one->context);
    free(one->server_name);
    free(one->key_authorization);
    *one = (struct answer){0};
}

void listener_tls_remove(const struct listener_answer *answer)
{
    char *name = server_name(&answer->identifier);
    struct answer found = {0};

    (void)pthread_mutex_lock(&listener.lock);
    for (size_t i = listener.count; i > 0 && found.context == NULL; i--) {
        struct answer *one = &listener.answers[i - 1];
        if (strcmp(one->server_name, name) != 0 ||
            !secret_equal(span_of(one->key_authorization),
                          span_of(answer->key_authorization)))
            continue;
        found = *one;
        memmove(one, one + 1, (listener.count - i) * sizeof *one);
        listener.count--;
    }
    (void)pthread_mutex_unlock(&listener.lock);
    free_answer(&found);
    free(name);
}

void listener_tls_count(struct listener_counts *counts)
{
    *counts =
        (struct listener_counts){.open = atomic_load(&listener.counts.open),
                                 .passed = atomic_load(&listener.counts.passed),
                                 .failed = atomic_load(&listener.counts.failed),
                                 .reason = (uint64_t)atomic_load(&listener.counts.reason),
                                 .answered = atomic_load(&listener.answered)};
}

/* ---- life ---- */

static void *run(void *argument)
{
    loop_run(argument);
    return NULL;
}

static void free_all(void)
{
    for (size_t i = 0; i < LISTENER_CONNECTIONS_MAX; i++)
        drop(&listener.connections[i]);
    for (size_t i = 0; i < listener.socket_count; i++) {
        loop_fd_free(listener.watches[i]);
        listener.watches[i] = NULL;
    }
    loop_timer_free(listener.pause);
    splice_free(listener.splice);
    listener.splice = NULL;
    loop_free(listener.loop);
    for (size_t i = 0; i < listener.count; i++)
        free_answer(&listener.answers[i]);
    tls_context_unref(listener.door);
    listener.pause = NULL;
    listener.loop = NULL;
    listener.count = 0;
    listener.door = NULL;
}

/* Is there a challenge for that name? What another client of a CA behind us is asked for
 * is its own affair. */
static bool is_ours(void *argument, struct span name)
{
    bool found = false;

    (void)argument;
    (void)pthread_mutex_lock(&listener.lock);
    for (size_t i = 0; i < listener.count && !found; i++)
        found = text_equal_ignoring_case(span_of(listener.answers[i].server_name), name);
    (void)pthread_mutex_unlock(&listener.lock);
    return found;
}

static void take(void *argument, int fd)
{
    (void)argument;
    begin_connection(fd);
}

static enum err start(const char *way, struct err_info *why)
{
    struct splice_options passing = {.is_ours = is_ours,
                                     .take = take,
                                     .has_room = on_pause_over,
                                     .counts = &listener.counts};

    const struct tls_server_options o = {
        .alpn = {TLS_ALPN_ACME_TLS_1}, .choose = choose, .only_chosen = true};

    TRY(tls_context_server(&o, &listener.door, why));
    TRY(loop_new(&listener.loop, why));
    if (splice_read(way, &passing))
        listener.splice = splice_new(listener.loop, &passing);
    listener.pause = loop_timer_new(listener.loop, on_pause_over, NULL);
    for (size_t i = 0; i < listener.socket_count; i++)
        listener.watches[i] = loop_fd_new(listener.loop, listener.sockets[i],
                                          on_acceptable, &listener.sockets[i]);
    want(LOOP_READ);
    int failure = pthread_create(&listener.thread, NULL, run, listener.loop);
    return failure == 0 ? ERR_OK
                        : err_set_os(why, ERR_INTERNAL, failure, "cannot start a thread");
}

enum err listener_tls_more(int socket, struct err_info *why)
{
    if (listener.loop != NULL || listener.socket_count == LISTENER_SOCKETS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d sockets", LISTENER_SOCKETS_MAX);
    listener.sockets[listener.socket_count++] = socket;
    return ERR_OK;
}

enum err listener_tls_begin(int socket, const char *way, struct err_info *why)
{
    TRY(listener_tls_more(socket, why));
    enum err result = start(way, why);
    if (result != ERR_OK) {
        free_all();
        listener.socket_count--; /* it stays the caller's */
    }
    return result;
}

void listener_tls_end(void)
{
    if (listener.loop == NULL)
        return;
    loop_stop(listener.loop);
    (void)pthread_join(listener.thread, NULL);
    struct splice *splice = listener.splice;
    listener.splice = NULL;
    if (splice != NULL)
        splice_pause(splice);
    free_all();
    while (listener.socket_count > 0)
        (void)close(listener.sockets[--listener.socket_count]);
    if (splice != NULL && splice_count(splice) > 0)
        splice_drain(splice); /* a download does not end because a certificate is there */
    else
        splice_free(splice);
}
