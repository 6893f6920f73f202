/* Who listens on a port, for the sentence that says it is in use. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"

/* "nginx (process 123)", safe to print, in the arena; NULL if it cannot be seen: others'
 * processes are root's to look at. */
const char *port_holder_find(struct arena *a, uint16_t port);

/* Does anybody listen on the port, as far as can be seen? */
bool port_holder_is_used(uint16_t port);

/* The inode of the socket, if this line of /proc/net/tcp or tcp6 is about one that
 * listens on the TCP port; else 0. */
uint64_t port_holder_inode(const char *line, uint16_t port);
