/* The world around the subscribers: a DNS where every name is at 127.0.0.1, and a web
 * server that knows every key authorization. Both cost as little as they can, because
 * they share the machine with what is measured. */
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
#define DATAGRAM_MAX 1500
#define DNS_HEADER   12
#define DNS_TYPE_A   1

struct answer {
    struct answer *next;
    char token[TOKEN_MAX];
    char text[ANSWER_MAX];
};

struct issue_world {
    pthread_mutex_t lock;
    struct answer *buckets[BUCKETS];
    int http_fd;
    int dns_fd;
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

/* ---- DNS ---- */

/* Turn a query into its answer, in place: A is 127.0.0.1, everything else is empty. */
static size_t answer_query(uint8_t *m, size_t len)
{
    static const uint8_t record[] = {0xc0, 0x0c, 0, 1, 0,   1, 0, 0,
                                     0,    1,    0, 4, 127, 0, 0, 1};
    size_t at = DNS_HEADER;

    while (at < len && m[at] != 0)
        at += (size_t)m[at] + 1;
    if (at + 5 > len)
        return 0;
    bool is_a = m[at + 1] == 0 && m[at + 2] == DNS_TYPE_A;
    at += 5;
    m[2] = (uint8_t)(0x84 | (m[2] & 1));
    m[3] = 0x80;
    memset(m + 6, 0, 6);
    if (!is_a)
        return at;
    m[7] = 1;
    memcpy(m + at, record, sizeof record);
    return at + sizeof record;
}

static void *dns_main(void *world)
{
    struct issue_world *w = world;
    uint8_t message[DATAGRAM_MAX + 64];

    for (;;) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof from;
        ssize_t got = recvfrom(w->dns_fd, message, DATAGRAM_MAX, 0,
                               (struct sockaddr *)&from, &from_len);
        if (got < DNS_HEADER)
            continue;
        size_t len = answer_query(message, (size_t)got);
        if (len > 0)
            (void)sendto(w->dns_fd, message, len, 0, (struct sockaddr *)&from, from_len);
    }
    return NULL;
}

/* ---- start ---- */

static enum err open_dns(int64_t port, int *fd, struct err_info *why)
{
    struct address a;
    struct sockaddr_storage to;

    (void)address_parse_with_port(span_of("127.0.0.1"), (uint16_t)port, &a);
    socklen_t len = address_to_sockaddr(&a, &to);
    *fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&to, len) != 0)
        return err_set(why, ERR_NETWORK, "cannot serve DNS on 127.0.0.1:%lld",
                       (long long)port);
    return ERR_OK;
}

static enum err open_http(int64_t port, int *fd, struct err_info *why)
{
    struct address a;
    struct sockaddr_storage to;
    int yes = 1;

    (void)address_parse_with_port(span_of("127.0.0.1"), (uint16_t)port, &a);
    socklen_t len = address_to_sockaddr(&a, &to);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(*fd, (struct sockaddr *)&to, len) != 0 || listen(*fd, SOCKET_BACKLOG) != 0)
        return err_set(why, ERR_NETWORK, "cannot serve HTTP on 127.0.0.1:%lld",
                       (long long)port);
    return ERR_OK;
}

enum err issue_world_start(int64_t http_port, int64_t dns_port,
                           struct issue_world **world, struct err_info *why)
{
    struct issue_world *w = memory_get_zeroed(1, sizeof *w);
    pthread_t thread;

    pthread_mutex_init(&w->lock, NULL);
    TRY(open_http(http_port, &w->http_fd, why));
    TRY(open_dns(dns_port, &w->dns_fd, why));
    if (pthread_create(&thread, NULL, http_main, w) != 0 ||
        pthread_create(&thread, NULL, dns_main, w) != 0)
        return err_set(why, ERR_INTERNAL, "cannot start a thread");
    *world = w;
    return ERR_OK;
}
