/* Processes that deal with strangers: forked before any key is in memory, without root's
 * rights, without the state folder, gone when their parent is. */
#pragma once

#include <sys/types.h>

#include "core/base/err.h"

struct child {
    pid_t pid; /* 0: not started */
    int fd;    /* our end of the socket between us */
};

/* Fork; `run` gets the child's end of the socket and its result is the exit code. The
 * child keeps standard input, output and error and that socket, nothing else; it runs as
 * nobody if this is root, cannot gain rights, and reads files below a few system folders
 * only, as far as the kernel can see to it (Landlock). ERR_INTERNAL. */
MUST_CHECK enum err child_start(int (*run)(int fd), struct child *c,
                                struct err_info *why);

/* End it and wait for its end. One that was not started is fine. */
void child_end(struct child *c);
