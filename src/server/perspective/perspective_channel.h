/* A channel to another process of the house, served by an event loop. */
#pragma once

#include "core/net/loop.h"
#include "server/proc/ipc_channel.h"

struct perspective_channel {
    struct loop *loop;
    struct ipc_channel *channel; /* owned */
    struct loop_fd *watch;       /* NULL while the other is away */
    void (*gone)(void *context); /* the other closed it, or broke the protocol */
    void *context;               /* of `gone` and of the handler */
};

/* Open it over `fd` (-1: closed until perspective_channel_replace). It must not move. */
void perspective_channel_open(struct perspective_channel *c, int fd, enum ipc_role self,
                              enum ipc_role peer, ipc_handler *handler);

/* The other process was started again; not from within the channel's own handler. */
void perspective_channel_replace(struct perspective_channel *c, int fd);

/* Close; also one that was never opened. */
void perspective_channel_close(struct perspective_channel *c);
