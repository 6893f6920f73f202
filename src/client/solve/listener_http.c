/* Answering http-01: it knows its tokens and nothing else (RFC 8555 8.3). */
#include <pthread.h>
#include <string.h>

#include "client/solve/listener_private.h"
#include "client/solve/solve_private.h"
#include "core/base/secret.h"
#include "core/http/http_server.h"

#define PREFIX      "/.well-known/acme-challenge/"
#define BODY_OCTETS 1024

struct answer {
    const char *token;
    const char *key_authorization;
};

static struct {
    struct arena *arena; /* from begin to end */
    struct http_server *server;
    pthread_mutex_t lock; /* the server's threads read what is added */
    struct answer answers[SOLVE_TOKENS_MAX];
    size_t count;
} listener = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *find(const char *token)
{
    const char *found = NULL;

    (void)pthread_mutex_lock(&listener.lock);
    for (size_t i = 0; i < listener.count && found == NULL; i++)
        if (strcmp(listener.answers[i].token, token) == 0)
            found = listener.answers[i].key_authorization;
    (void)pthread_mutex_unlock(&listener.lock);
    return found;
}

static void on_request(void *context, struct http_request *r)
{
    struct http_reply reply = {.status = 404, .body = span_of("no such challenge\n")};
    const char *found = NULL;

    (void)context;
    if (strncmp(r->path, PREFIX, strlen(PREFIX)) == 0 &&
        (r->method == HTTP_GET || r->method == HTTP_HEAD))
        found = find(r->path + strlen(PREFIX));
    if (found != NULL) {
        reply.status = 200;
        reply.body = span_of(found);
    }
    http_reply_header(&reply, "Content-Type",
                      found != NULL ? "application/octet-stream" : "text/plain");
    http_server_reply(listener.server, r, &reply);
}

enum err listener_http_begin(int socket, const char *way, struct err_info *why)
{
    (void)way;
    struct http_server_limits limits = http_server_limits_default();
    const struct http_server_callbacks callbacks = {.on_request = on_request};

    limits.io_threads = 1;
    limits.connections = LISTENER_CONNECTIONS_MAX;
    limits.body_octets = BODY_OCTETS;
    TRY(http_server_new(&limits, &callbacks, &listener.server, why));
    listener.arena = arena_new();
    http_server_listen(listener.server, socket, false);
    return ERR_OK;
}

enum err listener_http_add(const struct listener_answer *answer, struct err_info *why)
{
    if (listener.count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    const struct answer copy = {arena_string(listener.arena, answer->token),
                                arena_string(listener.arena, answer->key_authorization)};
    (void)pthread_mutex_lock(&listener.lock);
    listener.answers[listener.count++] = copy;
    (void)pthread_mutex_unlock(&listener.lock);
    return ERR_OK;
}

void listener_http_remove(const struct listener_answer *answer)
{
    (void)pthread_mutex_lock(&listener.lock);
    for (size_t i = 0; i < listener.count; i++)
        if (secret_equal(span_of(listener.answers[i].key_authorization),
                         span_of(answer->key_authorization))) {
            listener.answers[i] = listener.answers[--listener.count];
            break;
        }
    (void)pthread_mutex_unlock(&listener.lock);
}

void listener_http_end(void)
{
    if (listener.server == NULL)
        return;
    (void)http_server_drain(listener.server, LISTENER_CLOSE_WAIT_MS);
    http_server_free(listener.server);
    listener.server = NULL;
    listener.count = 0;
    arena_free(listener.arena);
    listener.arena = NULL;
}
