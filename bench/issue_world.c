/* The world around the subscribers: a web server that knows every key authorization, and
 * the DNS of issue_dns.c. Both cost as little as they can, because they share the machine
 * with what is measured. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/net/socket.h"
#include "issue.h"

#define BUCKETS      4096
#define TOKEN_MAX    256
#define ANSWER_MAX   512
#define REQUEST_MAX  4096
#define PEER_SECONDS 1 /* a peer may be silent so long */

struct answer {
    struct answer *next;
    char token[TOKEN_MAX];
    char text[ANSWER_MAX];
};

struct issue_world {
    pthread_mutex_t lock;
    struct answer *buckets[BUCKETS];
    int http_fd;
};

static struct answer **find(struct issue_world *w, const char *token)
{
    uint32_t hash = 2166136261U;

    for (const char *p = token; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619U;
    struct answer **link = &w->buckets[hash % BUCKETS];
    while (*link != NULL && strcmp((*link)->token, token) != 0)
        link = &(*link)->next;
    return link;
}

void issue_world_answer(struct issue_world *w, const char *token,
                        const char *key_authorization)
{
    struct answer *a = memory_get_zeroed(1, sizeof *a);

    (void)snprintf(a->token, sizeof a->token, "%s", token);
    (void)snprintf(a->text, sizeof a->text, "%s", key_authorization);
    pthread_mutex_lock(&w->lock);
    struct answer **link = find(w, token);
    a->next = *link;
    *link = a;
    pthread_mutex_unlock(&w->lock);
}

void issue_world_forget(struct issue_world *w, const char *token)
{
    pthread_mutex_lock(&w->lock);
    struct answer **link = find(w, token);
    struct answer *gone = *link;
    if (gone != NULL)
        *link = gone->next;
    pthread_mutex_unlock(&w->lock);
    free(gone);
}

/* ---- http-01 ---- */

static size_t make_response(struct issue_world *w, char *request, char *response,
                            size_t room)
{
    char *path = strchr(request, ' ');
    char *end = path != NULL ? strchr(path + 1, ' ') : NULL;
    char body[ANSWER_MAX] = "";

    if (end != NULL) {
        *end = '\0';
        const char *token = strrchr(path + 1, '/');
        pthread_mutex_lock(&w->lock);
        struct answer *a = token != NULL ? *find(w, token + 1) : NULL;
        if (a != NULL)
            (void)snprintf(body, sizeof body, "%s", a->text);
        pthread_mutex_unlock(&w->lock);
    }
    int len =
        snprintf(response, room,
                 "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 body[0] != '\0' ? "200 OK" : "404 Not Found", strlen(body), body);
    return len > 0 ? (size_t)len : 0;
}

static void serve_one(struct issue_world *w, int fd)
{
    char request[REQUEST_MAX];
    char response[2 * ANSWER_MAX];
    size_t have = 0;

    while (have < sizeof request - 1) {
        ssize_t got = recv(fd, request + have, sizeof request - 1 - have, 0);
        if (got <= 0)
            break;
        have += (size_t)got;
        request[have] = '\0';
        if (strstr(request, "\r\n\r\n") == NULL)
            continue;
        size_t len = make_response(w, request, response, sizeof response);
        (void)send(fd, response, len, MSG_NOSIGNAL);
        break;
    }
    (void)close(fd);
}

static void *http_main(void *world)
{
    struct issue_world *w = world;

    for (;;) {
        int fd = accept4(w->http_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve_one(w, fd);
    }
    return NULL;
}

/* ---- start ---- */

enum err issue_world_bind(int type, int64_t port, int *fd, struct err_info *why)
{
    const struct timeval patience = {.tv_sec = PEER_SECONDS};
    struct address a;
    struct sockaddr_storage to;
    int yes = 1;

    (void)address_parse_with_port(span_of("127.0.0.1"), (uint16_t)port, &a);
    socklen_t len = address_to_sockaddr(&a, &to);
    *fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(*fd, (struct sockaddr *)&to, len) != 0)
        return err_set(why, ERR_NETWORK, "cannot serve on 127.0.0.1:%lld",
                       (long long)port);
    /* what is accepted inherits the timeout; nobody who is silent stops the others long
     */
    if (type == SOCK_STREAM &&
        (setsockopt(*fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &yes, sizeof yes) != 0 ||
         setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
         listen(*fd, SOCKET_BACKLOG) != 0))
        return err_set(why, ERR_NETWORK, "cannot listen on 127.0.0.1:%lld",
                       (long long)port);
    return ERR_OK;
}

enum err issue_world_start(int64_t http_port, int64_t dns_port,
                           struct issue_world **world, struct err_info *why)
{
    struct issue_world *w = memory_get_zeroed(1, sizeof *w);
    pthread_t thread;

    pthread_mutex_init(&w->lock, NULL);
    TRY(issue_world_bind(SOCK_STREAM, http_port, &w->http_fd, why));
    if (pthread_create(&thread, NULL, http_main, w) != 0)
        return err_set(why, ERR_INTERNAL, "cannot start a thread");
    TRY(issue_dns_start(dns_port, why));
    *world = w;
    return ERR_OK;
}
