/* The process that answers http-01: it knows its tokens and nothing else (RFC 8555 8.3).
 */
#include "client/solve/http_listener.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/proc/wire.h"
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

struct listener {
    struct arena *arena; /* of one LISTEN */
    struct http_server *server;
    pthread_mutex_t lock; /* the server's threads read what is added */
    struct answer answers[SOLVE_TOKENS_MAX];
    size_t count;
};

static void on_request(void *context, struct http_request *r)
{
    struct listener *l = context;
    struct http_reply reply = {.status = 404};
    const char *found = NULL;

    if (strncmp(r->path, PREFIX, strlen(PREFIX)) == 0 &&
        (r->method == HTTP_GET || r->method == HTTP_HEAD)) {
        pthread_mutex_lock(&l->lock);
        for (size_t i = 0; i < l->count && found == NULL; i++)
            if (strcmp(l->answers[i].token, r->path + strlen(PREFIX)) == 0)
                found = l->answers[i].key_authorization;
        pthread_mutex_unlock(&l->lock);
    }
    if (found != NULL) {
        reply.status = 200;
        reply.body = span_of(found);
    } else {
        reply.body = span_of("no such challenge\n");
    }
    http_reply_header(&reply, "Content-Type",
                      found != NULL ? "application/octet-stream" : "text/plain");
    http_server_reply(l->server, r, &reply);
}

static enum err begin(struct listener *l, int socket, struct err_info *why)
{
    struct http_server_limits limits = http_server_limits_default();
    const struct http_server_callbacks callbacks = {.context = l,
                                                    .on_request = on_request};

    if (socket < 0 || l->server != NULL)
        return err_set(why, ERR_PROTOCOL, "there is no socket to listen on");
    TRY(socket_adopt_listener(socket, why));
    limits.io_threads = 1;
    limits.connections = CONNECTIONS_MAX;
    limits.body_octets = BODY_OCTETS;
    TRY(http_server_new(&limits, &callbacks, &l->server, why));
    http_server_listen(l->server, socket, false);
    return ERR_OK;
}

static enum err add(struct listener *l, const struct wire_message *m,
                    struct err_info *why)
{
    if (m->count != 2 || l->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    const struct answer answer = {arena_string_of(l->arena, m->fields[0]),
                                  arena_string_of(l->arena, m->fields[1])};
    pthread_mutex_lock(&l->lock);
    l->answers[l->count++] = answer;
    pthread_mutex_unlock(&l->lock);
    return ERR_OK;
}

static void end(struct listener *l)
{
    if (l->server != NULL)
        (void)http_server_drain(l->server, CLOSE_WAIT_MS);
    http_server_free(l->server);
    l->server = NULL;
    l->count = 0;
    arena_reset(l->arena);
}

static enum err obey(struct listener *l, const struct wire_message *m, int socket,
                     struct err_info *why)
{
    switch (m->type) {
    case WIRE_LISTEN:
        return begin(l, socket, why);
    case WIRE_ADD:
        return add(l, m, why);
    case WIRE_CLOSE:
        end(l);
        return ERR_OK;
    default:
        return err_set(why, ERR_PROTOCOL, "that is no call to a listener");
    }
}

int http_listener_run(int fd)
{
    static struct listener l; /* one in this process */

    l.arena = arena_new();
    pthread_mutex_init(&l.lock, NULL);
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        const struct wire_message done = {.type = WIRE_ANSWER};
        struct wire_message m;
        struct err_info why = {0};
        int socket = -1;

        if (wire_receive(a, fd, &m, &socket, &why) != ERR_OK)
            return EXIT_SUCCESS; /* nobody asks any more */
        enum err result = obey(&l, &m, socket, &why);
        if (result != ERR_OK && socket >= 0)
            (void)close(socket);
        if ((result == ERR_OK ? wire_send(fd, &done, &why)
                              : wire_send_failure(fd, &why, &why)) != ERR_OK)
            return EXIT_FAILURE;
    }
}
