/* What the runner does for the process with the keys besides running programs: it starts
 * the other processes of cairn, and binds ports. Both take rights that no other process
 * keeps; and what it starts has never seen a key, as it has not. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/proc/child.h"
#include "core/base/arena.h"

/* A process that it can be asked to start (child_start_by), by its place in the list. */
struct run_member {
    enum child_kind kind;
    int (*run)(int fd);
};

/* The list, for runners that are started from here on. */
void run_crew_members(const struct run_member *list, size_t count);

/* Why a port could not be bound. */
struct run_port_failure {
    int os_error;
    const char *sentence;
    const char *holder; /* who listens there: "nginx (process 123)"; "": nobody knows */
};

/* A socket that listens on every address: "::" takes IPv4 too. Only where there is no
 * IPv6, 0.0.0.0: else a CA that comes by IPv6 would meet whoever has the port there. Made
 * by this process. ERR_NETWORK. */
MUST_CHECK enum err run_crew_listen(uint16_t port, int *fd, struct err_info *why);

/* As that, made by the runner. ERR_NETWORK with `failure` filled, in the arena; ERR_IO if
 * the runner is gone. */
MUST_CHECK enum err run_crew_bind(int runner, struct arena *a, uint16_t port, int *fd,
                                  struct run_port_failure *failure, struct err_info *why);

/* A connection to the agent at that path (agent_line_reach), made by the runner. ERR_IO,
 * ERR_UNAVAILABLE, ERR_UNAUTHORIZED. */
MUST_CHECK enum err run_crew_reach(int runner, struct arena *a, const char *path, int *fd,
                                   struct err_info *why);
