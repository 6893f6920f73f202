/* TCP sockets: non-blocking, closed on exec, with the options that servers need. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/net/address.h"

#define SOCKET_BACKLOG 4096 /* connections; the kernel caps it at net.core.somaxconn */

enum socket_accept_result {
    SOCKET_ACCEPTED,
    SOCKET_NOTHING,   /* nobody waits */
    SOCKET_EXHAUSTED, /* no descriptors or memory: try again after a pause */
    SOCKET_FAILED,    /* the listener is of no use any more */
};

/* Listen on a TCP address and port (port 0: any free one). "::" takes IPv4 too.
 * With `reuse_port` several sockets can share the port (SO_REUSEPORT). ERR_NETWORK. */
MUST_CHECK enum err socket_listen(const struct address *a, bool reuse_port, int *fd,
                                  struct err_info *why);

/* Make a listener that was handed over (by a supervisor or by systemd) fit for use:
 * non-blocking, closed on exec. ERR_NETWORK if it does not listen; it is then not closed.
 */
MUST_CHECK enum err socket_adopt_listener(int fd, struct err_info *why);

/* Take a waiting connection: non-blocking, TCP_NODELAY. On SOCKET_ACCEPTED `fd` is the
 * caller's and `peer` is set. */
enum socket_accept_result socket_accept(int listener, int *fd, struct address *peer);

/* Begin to connect; the descriptor becomes writable when socket_connect_end can tell how
 * it went. ERR_NETWORK. */
MUST_CHECK enum err socket_connect_begin(const struct address *to, int *fd,
                                         struct err_info *why);
MUST_CHECK enum err socket_connect_end(int fd, struct err_info *why);

/* The address at this end. ERR_NETWORK. */
MUST_CHECK enum err socket_local_address(int fd, struct address *a, struct err_info *why);
