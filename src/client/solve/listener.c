/* The process that answers on ports: its calls. */
#include "client/solve/listener.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/proc/wire.h"
#include "client/solve/listener_look.h"
#include "client/solve/listener_private.h"
#include "client/solve/splice.h"
#include "core/net/socket.h"

#define COUNTS_TEXT_MAX 200 /* octets */

struct protocol {
    enum challenge_type type;
    enum err (*more)(int socket, struct err_info *why); /* NULL: it has one socket */
    enum err (*begin)(int socket, const char *way, struct err_info *why);
    enum err (*add)(const struct listener_answer *answer, struct err_info *why);
    void (*remove)(const struct listener_answer *answer);
    void (*end)(void);
    bool begun;
};

static struct protocol protocols[] = {
    {CHALLENGE_HTTP_01, NULL, listener_http_begin, listener_http_add,
     listener_http_remove, listener_http_end, false},
    {CHALLENGE_TLS_ALPN_01, listener_tls_more, listener_tls_begin, listener_tls_add,
     listener_tls_remove, listener_tls_end, false},
};

/* The first field of every call says which. */
static struct protocol *find(const struct wire_message *m)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0] && m->count > 0; i++)
        if (span_is(m->fields[0], terms_challenge_type(protocols[i].type)))
            return &protocols[i];
    return NULL;
}

static enum err begin(struct protocol *p, const struct wire_message *m, int socket,
                      struct err_info *why)
{
    const char *way = m->count > 1 ? (const char *)m->fields[1].data : "";

    if (socket < 0 || p->begun)
        return err_set(why, ERR_PROTOCOL, "there is no socket to listen on");
    TRY(socket_adopt_listener(socket, why));
    if (m->count > 2 && m->fields[2].len > 0 && p->more != NULL)
        return p->more(socket, why);
    TRY(p->begin(socket, way != NULL ? way : "", why));
    p->begun = true;
    return ERR_OK;
}

static enum err add(struct protocol *p, const struct wire_message *m,
                    struct err_info *why)
{
    struct address address;

    if (m->count != 4 || !p->begun)
        return err_set(why, ERR_PROTOCOL, "a challenge for a listener is malformed");
    bool is_ip = address_parse(m->fields[1], &address);
    const struct listener_answer answer = {
        {is_ip ? IDENTIFIER_IP : IDENTIFIER_DNS, (const char *)m->fields[1].data},
        (const char *)m->fields[2].data,
        (const char *)m->fields[3].data};
    return p->add(&answer, why);
}

static enum err forget(struct protocol *p, const struct wire_message *m,
                       struct err_info *why)
{
    struct address address;

    if (m->count != 3 || !p->begun)
        return err_set(why, ERR_PROTOCOL, "a challenge for a listener is malformed");
    bool is_ip = address_parse(m->fields[1], &address);
    const struct listener_answer answer = {
        {is_ip ? IDENTIFIER_IP : IDENTIFIER_DNS, (const char *)m->fields[1].data},
        "",
        (const char *)m->fields[2].data};
    p->remove(&answer);
    return ERR_OK;
}

static void count(struct arena *a, struct wire_message *done)
{
    AUTO(buf) struct buf b = buf_make(COUNTS_TEXT_MAX);
    struct listener_counts counts = {0};

    listener_tls_count(&counts);
    listener_counts_write(&b, &counts);
    done->fields[done->count++] = arena_span(a, buf_span(&b));
}

static enum err obey(const struct wire_message *m, int socket, struct err_info *why)
{
    struct protocol *p = find(m);

    if (p != NULL && m->type == WIRE_LISTEN)
        return begin(p, m, socket, why);
    if (p != NULL && m->type == WIRE_ADD)
        return add(p, m, why);
    if (p != NULL && m->type == WIRE_REMOVE)
        return forget(p, m, why);
    if (p == NULL || m->type != WIRE_CLOSE)
        return err_set(why, ERR_PROTOCOL, "that is no call to a listener");
    p->end();
    p->begun = false;
    return ERR_OK;
}

static enum err serve(struct arena *a, const struct wire_message *m, int socket,
                      struct wire_message *done, struct err_info *why)
{
    switch (m->type) {
    case WIRE_LOOK:
        return listener_look(a, m, done, why);
    case WIRE_LOOK_TLS:
        return listener_look_tls(a, m, done, why);
    case WIRE_COUNTS:
        count(a, done);
        return ERR_OK;
    default:
        return obey(m, socket, why);
    }
}

int listener_run_for_good(int fd)
{
    child_stay();
    int code = listener_run(fd);
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        protocols[i].end();
    splice_drain_wait();
    return code;
}

int listener_run(int fd)
{
    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message done = {.type = WIRE_ANSWER};
        struct wire_message m;
        struct err_info why = {0};
        int socket = -1;

        if (wire_receive(a, fd, &m, &socket, &why) != ERR_OK) {
            (void)close(fd);
            splice_drain_wait();
            return EXIT_SUCCESS; /* nobody asks any more */
        }
        enum err result = serve(a, &m, socket, &done, &why);
        if (result != ERR_OK && socket >= 0)
            (void)close(socket);
        if ((result == ERR_OK ? wire_send(fd, &done, &why)
                              : wire_send_failure(fd, &why, &why)) != ERR_OK)
            return EXIT_FAILURE;
    }
}
