/* Processes that deal with strangers, or run code of others: forked before any key is in
 * memory, without root's rights, without the state folder, gone when their parent is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/err.h"

/* What a child may do. */
enum child_kind {
    CHILD_STRANGER, /* runs as nobody if this is root, reads files below a few system
                       folders only, and connects */
    CHILD_LISTENER, /* as that, and takes connections of the sockets it is given */
    CHILD_DEVICE,   /* keeps its user, who may use the device, and of root's rights only
                       that to open files (CAP_DAC_OVERRIDE); reads below the same
                       folders, and writes below /dev */
    CHILD_MODULE,   /* as that, and sees all files: a module of others wants its own */
    CHILD_RUNNER,   /* keeps all rights, for what it starts may need them; it talks to
                       nobody outside */
};

struct child {
    pid_t pid;   /* 0: not started */
    int fd;      /* our end of the socket between us */
    int starter; /* socket to the runner that started it for us; 0: we did */
};

/* Fork; `run` gets the child's end of the socket and its result is the exit code. The
 * child keeps standard input, output and error and that socket, nothing else; it cannot
 * gain rights, nor start programs, unless it is a CHILD_RUNNER. Files and system calls
 * are as the kernel can see to it (Landlock, seccomp). ERR_INTERNAL. */
MUST_CHECK enum err child_start(enum child_kind kind, int (*run)(int fd), struct child *c,
                                struct err_info *why);

/* Have the runner start it, for which no right is needed here: the member `which` of its
 * list (run/run_crew.h). ERR_INTERNAL, ERR_IO if the runner is gone. */
MUST_CHECK enum err child_start_by(int starter, size_t which, struct child *c,
                                   struct err_info *why);

/* As child_start, where the child's end of the socket is there already; it stays open
 * here. */
MUST_CHECK enum err child_fork(enum child_kind kind, int (*run)(int fd), int fd,
                               pid_t *pid, struct err_info *why);

/* In a child that ends when its parent says so: interrupts, which a terminal sends to
 * both, are the parent's affair. */
void child_ignore_signals(void);

/* End it and wait for its end. One that was not started is fine. */
void child_end(struct child *c);

/* As that, but with child_let_go. */
void child_end_gently(struct child *c);

/* Kill it and wait for its end. */
void child_kill(pid_t pid);

/* Ask it to end, and wait a moment for that: one that still has something to do for
 * others, and has asked not to be ended (child_stay), goes on alone. */
void child_let_go(pid_t pid);

/* In a child: from here on it does not end with its parent. */
void child_stay(void);
