/* A channel on a loop. */
#include "server/perspective/perspective_channel.h"

#include "core/base/log.h"

static void want(struct perspective_channel *c)
{
    if (c->watch != NULL)
        loop_fd_want(c->watch, ipc_channel_wants_write(c->channel)
                                   ? LOOP_READ | LOOP_WRITE
                                   : LOOP_READ);
}

static void on_events(void *argument, int events)
{
    struct perspective_channel *c = argument;
    struct err_info why = {0};
    enum err result = ERR_OK;

    if ((events & LOOP_WRITE) != 0)
        result = ipc_channel_on_writable(c->channel, &why);
    if (result == ERR_OK && (events & LOOP_READ) != 0)
        result = ipc_channel_on_readable(c->channel, &why);
    if (result == ERR_OK) {
        want(c);
        return;
    }
    loop_fd_free(c->watch);
    c->watch = NULL;
    if (result != ERR_UNAVAILABLE)
        log_event(LOG_LEVEL_ERROR, "perspective.broke_protocol", "role=%s why=" LOG_QUOTE,
                  ipc_role_name(ipc_channel_peer(c->channel)), why.detail);
    c->gone(c->context);
}

/* Something waits for room in the socket: the loop writes it. */
static void on_blocked(void *context)
{
    want(context);
}

static void watch(struct perspective_channel *c)
{
    c->watch = loop_fd_new(c->loop, ipc_channel_fd(c->channel), on_events, c);
    want(c);
}

void perspective_channel_open(struct perspective_channel *c, int fd, enum ipc_role self,
                              enum ipc_role peer, ipc_handler *handler)
{
    c->channel = ipc_channel_new(fd, self, peer, handler, c->context);
    ipc_channel_set_blocked(c->channel, on_blocked, c);
    if (fd >= 0)
        watch(c);
}

void perspective_channel_replace(struct perspective_channel *c, int fd)
{
    loop_fd_free(c->watch);
    c->watch = NULL;
    ipc_channel_replace(c->channel, fd);
    watch(c);
}

void perspective_channel_close(struct perspective_channel *c)
{
    loop_fd_free(c->watch);
    ipc_channel_free(c->channel);
    c->watch = NULL;
    c->channel = NULL;
}
