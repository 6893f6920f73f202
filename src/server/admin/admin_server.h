/* Commands taken from the control socket, in the front, on one thread of their own: no
 * worker and no HTTP thread is held, whatever a command does.
 *
 * A connection is one request, ended by closing that direction, and one answer, ended by
 * closing the connection. Every size and wait is bounded. */
#pragma once

#include <sys/types.h>

#include "server/exchange/exchange.h"

#define ADMIN_SERVER_CONNECTIONS 8     /* at a time; more wait in the kernel's queue */
#define ADMIN_SERVER_TIME_MS     10000 /* for a request to come, for an answer to leave */

struct admin_server;

/* Serve the listening socket, which is the server's from now on, also if this fails:
 * commands of root and of the user `owner`. ERR_INTERNAL. */
MUST_CHECK enum err admin_server_new(int listener, uid_t owner, struct services *services,
                                     struct admin_server **server, struct err_info *why);

/* Let the command that runs end, drop the others, free. NULL is fine. */
void admin_server_free(struct admin_server *server);

/* Other services for commands from now on (a reload); the old ones must stay. Any
 * thread. NULL is fine. */
void admin_server_use(struct admin_server *server, struct services *services);
