/* The life of a connection: dialling, shaking hands, open, over. */
#include "server/perspective/perspective_link.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/net/socket.h"
#include "core/net/tls_connection.h"

#define READ_SIZE (16U * 1024U) /* octets: a TLS record */
#define READS_MAX 16            /* per turn, so that others get theirs */

enum link_state { LINK_DIALLING, LINK_SHAKING, LINK_OPEN };

struct perspective_link {
    struct perspective_link_owner owner;
    enum link_state state;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *more; /* octets wait inside TLS */
    struct tls_connection *tls;
    struct perspective_wire wire;
    struct buf output;
    size_t sent;
};

static void end(struct perspective_link *link, enum err code, const struct err_info *why)
{
    loop_fd_want(link->watch, 0);
    loop_timer_clear(link->more);
    link->owner.ended(link->owner.argument, code, why);
}

/* ---- octets ---- */

static enum err of_tls(enum tls_result result, struct err_info *why)
{
    if (result == TLS_CLOSED)
        return err_set(why, ERR_UNAVAILABLE, "the other end closed the connection");
    return result == TLS_FAILED ? ERR_TLS : ERR_OK;
}

static enum err write_out(struct perspective_link *link, struct err_info *why)
{
    while (link->sent < link->output.len) {
        size_t len = 0;
        struct span rest = span_slice(buf_span(&link->output), link->sent, SIZE_MAX);
        enum tls_result result = tls_connection_write(link->tls, rest, &len, why);
        if (result != TLS_DONE) {
            buf_drop(&link->output, link->sent);
            link->sent = 0;
            return of_tls(result, why);
        }
        link->sent += len;
    }
    buf_clear(&link->output);
    link->sent = 0;
    return ERR_OK;
}

static enum err read_in(struct perspective_link *link, struct err_info *why)
{
    uint8_t octets[READ_SIZE];

    for (int i = 0; i < READS_MAX; i++) {
        size_t len = 0;
        enum tls_result result =
            tls_connection_read(link->tls, octets, sizeof octets, &len, why);
        if (result != TLS_DONE)
            return of_tls(result, why);
        enum err taken =
            perspective_wire_take(&link->wire, span_make(octets, len),
                                  link->owner.message, link->owner.argument, why);
        if (taken != ERR_OK) {
            perspective_link_finish(link);
            return taken;
        }
    }
    if (tls_connection_has_pending(link->tls))
        loop_timer_set(link->more, 0);
    return ERR_OK;
}

/* ---- turns ---- */

static void want(struct perspective_link *link, int events)
{
    loop_fd_want(link->watch, events);
}

static void want_open(struct perspective_link *link)
{
    want(link, link->sent < link->output.len ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void shake(struct perspective_link *link)
{
    struct err_info why = {0};
    enum tls_result result = tls_connection_handshake(link->tls, &why);
    enum err code = of_tls(result, &why);

    if (code != ERR_OK) {
        end(link, code, &why);
    } else if (result == TLS_DONE) {
        link->state = LINK_OPEN;
        want_open(link);
        loop_timer_set(link->more, 0); /* a record may have come with the handshake */
        link->owner.opened(link->owner.argument);
    } else {
        want(link, result == TLS_WANT_READ ? LOOP_READ : LOOP_WRITE);
    }
}

static void converse(struct perspective_link *link)
{
    struct err_info why = {0};
    enum err code = write_out(link, &why);

    if (code == ERR_OK)
        code = read_in(link, &why);
    if (code == ERR_OK)
        code = write_out(link, &why); /* answers */
    if (code != ERR_OK)
        end(link, code, &why);
    else
        want_open(link);
}

static void on_events(void *argument, int events)
{
    struct perspective_link *link = argument;
    struct err_info why = {0};

    (void)events;
    if (link->state == LINK_DIALLING) {
        enum err code = socket_connect_end(link->fd, &why);
        if (code != ERR_OK) {
            end(link, code, &why);
            return;
        }
        link->state = LINK_SHAKING;
    }
    if (link->state == LINK_SHAKING)
        shake(link);
    else
        converse(link);
}

static void on_more(void *argument)
{
    converse(argument);
}

/* ---- for the owner ---- */

struct perspective_link *perspective_link_new(struct loop *loop, struct tls_context *tls,
                                              int fd, enum ipc_role self,
                                              const struct perspective_link_owner *owner)
{
    struct perspective_link *link = memory_get_zeroed(1, sizeof *link);
    struct err_info why = {0};

    link->owner = *owner;
    link->fd = fd;
    link->wire = perspective_wire_make(self);
    link->output = buf_make(PERSPECTIVE_LINK_QUEUE_MAX);
    link->watch = loop_fd_new(loop, fd, on_events, link);
    link->more = loop_timer_new(loop, on_more, link);
    if (self == IPC_DOOR) {
        link->tls = tls_connection_accept(tls, fd);
        link->state = LINK_SHAKING;
        want(link, LOOP_READ);
    } else {
        /* fails for a host that cannot be asked for; of pinned keys none is */
        if (tls_connection_connect(tls, fd, "", &link->tls, &why) != ERR_OK)
            abort();
        want(link, LOOP_WRITE);
    }
    return link;
}

void perspective_link_free(struct perspective_link *link)
{
    if (link == NULL)
        return;
    loop_fd_free(link->watch);
    loop_timer_free(link->more);
    tls_connection_free(link->tls);
    (void)close(link->fd);
    perspective_wire_free(&link->wire);
    buf_free(&link->output);
    free(link);
}

enum err perspective_link_send(struct perspective_link *link, const struct ipc_message *m,
                               struct err_info *why)
{
    if (link->state != LINK_OPEN)
        return err_set(why, ERR_UNAVAILABLE, "it is not connected");
    if (link->output.max - link->output.len < IPC_BODY_MAX + IPC_HEADER_SIZE)
        return err_set(why, ERR_UNAVAILABLE, "it does not keep up");
    TRY(ipc_encode(&link->output, m, why));
    want(link, LOOP_READ | LOOP_WRITE);
    return ERR_OK;
}

void perspective_link_finish(struct perspective_link *link)
{
    struct err_info why = {0};

    if (link->state != LINK_OPEN)
        return;
    if (write_out(link, &why) == ERR_OK)
        tls_connection_end(link->tls);
}

bool perspective_link_is_greeted(const struct perspective_link *link)
{
    return link->wire.greeted;
}

const uint8_t *perspective_link_pin(const struct perspective_link *link)
{
    return tls_connection_pin(link->tls);
}
