/* The control socket, DIR/control.sock, and the lock beside it, DIR/control.lock.
 *
 * Whoever holds the lock has the CA for himself: `serve` for as long as it runs, or a
 * command that works on the store because nothing runs. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"

#define ADMIN_SOCKET_NAME    "control.sock"
#define ADMIN_SOCKET_LOCK    "control.lock"
#define ADMIN_SOCKET_BACKLOG 16
#define ADMIN_SOCKET_WAIT_MS 10000 /* for another command that works on the store */

/* Take the lock and listen on the socket, which only root and the owner of the folder can
 * connect to. The lock is held until the process ends. ERR_LOCKED if a CA runs on this
 * folder; ERR_IO. */
MUST_CHECK enum err admin_socket_listen(struct arena *a, const char *directory, int *fd,
                                        struct err_info *why);

/* Nobody listens there any more: remove the name. */
void admin_socket_remove(struct arena *a, const char *directory);

/* Connect to the CA that runs on this folder: `*fd` is set; or, if none runs, take the
 * lock: `*fd` is -1, and the lock is held until the process ends. ERR_UNAUTHORIZED if the
 * caller is neither root nor the owner; ERR_LOCKED; ERR_CONFIG if there is no such
 * folder; ERR_IO. */
MUST_CHECK enum err admin_socket_reach(struct arena *a, const char *directory, int *fd,
                                       struct err_info *why);

/* Does a CA run on this folder, as far as the caller can see? Nothing is locked. */
bool admin_socket_is_served(struct arena *a, const char *directory);
