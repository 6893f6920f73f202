/* http-01 by a listener of our own (RFC 8555 8.3): it knows its tokens and nothing else.
 */
#include <pthread.h>
#include <string.h>

#include "client/solve/solve_private.h"
#include "core/http/http_server.h"
#include "core/net/socket.h"

#define PREFIX          "/.well-known/acme-challenge/"
#define CONNECTIONS_MAX 200
#define BODY_OCTETS     1024
#define CLOSE_WAIT_MS   200

struct answer {
    const char *token;
    const char *key_authorization;
};

struct standalone {
    struct http_server *server;
    pthread_mutex_t lock; /* the server's threads read what is added */
    struct answer answers[SOLVE_TOKENS_MAX];
    size_t count;
};

static void on_request(void *context, struct http_request *r)
{
    struct standalone *st = context;
    struct http_reply reply = {.status = 404};
    const char *found = NULL;

    if (strncmp(r->path, PREFIX, strlen(PREFIX)) == 0 &&
        (r->method == HTTP_GET || r->method == HTTP_HEAD)) {
        pthread_mutex_lock(&st->lock);
        for (size_t i = 0; i < st->count && found == NULL; i++)
            if (strcmp(st->answers[i].token, r->path + strlen(PREFIX)) == 0)
                found = st->answers[i].key_authorization;
        pthread_mutex_unlock(&st->lock);
    }
    if (found != NULL) {
        reply.status = 200;
        reply.body = span_of(found);
    } else {
        reply.body = span_of("no such challenge\n");
    }
    http_reply_header(&reply, "Content-Type",
                      found != NULL ? "application/octet-stream" : "text/plain");
    http_server_reply(st->server, r, &reply);
}

static enum err add(struct solver *s, const char *token, const char *key_authorization,
                    struct err_info *why)
{
    struct standalone *st = s->state;

    if (st->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    const struct answer answer = {arena_string(s->arena, token),
                                  arena_string(s->arena, key_authorization)};
    pthread_mutex_lock(&st->lock);
    st->answers[st->count++] = answer;
    pthread_mutex_unlock(&st->lock);
    return ERR_OK;
}

static void close_server(struct solver *s)
{
    struct standalone *st = s->state;

    if (st->server != NULL)
        (void)http_server_drain(st->server, CLOSE_WAIT_MS);
    http_server_free(st->server);
    pthread_mutex_destroy(&st->lock);
}

/* On every address: "::" takes IPv4 too; without IPv6, 0.0.0.0. */
static enum err listen_everywhere(int64_t port, int *fd, struct err_info *why)
{
    struct address any = {.family = ADDRESS_V6, .port = (uint16_t)port};

    if (socket_listen(&any, false, fd, why) == ERR_OK)
        return ERR_OK;
    any.family = ADDRESS_V4;
    if (socket_listen(&any, false, fd, why) == ERR_OK)
        return ERR_OK;
    return err_set(
        why, ERR_NETWORK,
        "cannot listen on port %lld to answer http-01 (%s): stop what uses it, "
        "use --http webroot:DIR with a web server that runs already, or run as "
        "root for a port below 1024",
        (long long)port, why->detail);
}

enum err http_standalone_open(struct solver *s, int64_t port, struct err_info *why)
{
    struct standalone *st = arena_get(s->arena, sizeof *st);
    struct http_server_limits limits = http_server_limits_default();
    const struct http_server_callbacks callbacks = {.context = st,
                                                    .on_request = on_request};
    int fd = -1;

    TRY(listen_everywhere(port, &fd, why));
    limits.io_threads = 1;
    limits.connections = CONNECTIONS_MAX;
    limits.body_octets = BODY_OCTETS;
    pthread_mutex_init(&st->lock, NULL);
    s->state = st;
    s->add = add;
    s->close = close_server;
    s->description = arena_printf(s->arena, "answering on port %lld", (long long)port);
    TRY(http_server_new(&limits, &callbacks, &st->server, why));
    http_server_listen(st->server, fd, false);
    return ERR_OK;
}
