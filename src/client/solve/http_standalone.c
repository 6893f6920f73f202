/* http-01 by a listener of our own: the socket is made here, where the right to low ports
 * is, and handed to the process that answers (http_listener.c). */
#include <errno.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "client/solve/solve_private.h"
#include "core/net/socket.h"

struct standalone {
    int process; /* socket to it; the caller's */
    size_t count;
};

static enum err add(struct solver *s, const char *token, const char *key_authorization,
                    struct err_info *why)
{
    struct standalone *st = s->state;
    const struct wire_message m = {
        WIRE_ADD, {span_of(token), span_of(key_authorization)}, 2};

    return wire_call(s->arena, st->process, &m, NULL, why);
}

static void stop(struct solver *s)
{
    struct standalone *st = s->state;
    const struct wire_message m = {.type = WIRE_CLOSE};
    struct err_info ignored = {0};

    /* a process that is gone listens no more */
    (void)!wire_call(s->arena, st->process, &m, NULL, &ignored);
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
    if (why->os_error == EACCES)
        return err_set(why, ERR_UNAUTHORIZED,
                       "only root may listen on port %lld to answer http-01; with a web "
                       "server that runs already, take --http webroot:DIR",
                       (long long)port);
    return err_set(why, ERR_NETWORK,
                   "%s, to answer http-01: stop what uses the port, or, if that is a web "
                   "server, take --http webroot:DIR",
                   why->detail);
}

enum err http_standalone_open(struct solver *s, int process, int64_t port,
                              struct err_info *why)
{
    struct standalone *st = arena_get(s->arena, sizeof *st);
    const struct wire_message m = {.type = WIRE_LISTEN};
    struct wire_message back;
    int fd = -1;

    TRY(listen_everywhere(port, &fd, why));
    enum err result = wire_send_descriptor(process, &m, fd, why);
    (void)close(fd);
    TRY(result);
    TRY(wire_receive(s->arena, process, &back, NULL, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    st->process = process;
    s->state = st;
    s->add = add;
    s->close = stop;
    s->description = arena_printf(s->arena, "answering on port %lld", (long long)port);
    return ERR_OK;
}
