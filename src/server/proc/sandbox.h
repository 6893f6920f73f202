/* Give up every right a role does not need, before a byte from outside is read.
 *
 * Layers: another user (where started as root), no new privileges, no core dumps,
 * Landlock for files and TCP, seccomp by syscall group (sandbox_syscalls.def). What a
 * library may try in good faith is refused with EPERM, so that it can fall back; what
 * only an intruder does (execve, ptrace, mount ...) kills the process, and the kernel
 * logs it. See landlock(7), seccomp(2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/err.h"
#include "server/proc/ipc.h"

/* What may be done below a path. */
enum sandbox_access {
    SANDBOX_READ,       /* read files, list folders */
    SANDBOX_READ_WRITE, /* also write, create, rename and remove regular files */
};

struct sandbox_path {
    const char *path;
    enum sandbox_access access;
    bool optional; /* a path that does not exist is passed over */
    int fd; /* where `path` is NULL: of what is open already, as the way to it may be
               closed for the new user */
};

/* Sockets a process may open besides those of its role. */
enum sandbox_sockets {
    SANDBOX_SOCKETS_NONE,
    SANDBOX_SOCKETS_LOCAL,   /* AF_UNIX, and connect them */
    SANDBOX_SOCKETS_NETWORK, /* these, and IPv4 and IPv6; it may listen nowhere */
};

struct sandbox_plan {
    enum ipc_role role; /* chooses the syscalls and the TCP rights */
    uid_t uid;          /* 0: stay who we are */
    gid_t gid;
    const struct sandbox_path *paths;
    size_t path_count;
    enum sandbox_sockets sockets;
};

/* Enter for good. Needs a process with a single thread (threads started later inherit
 * it), with everything open that the paths do not allow. A kernel without Landlock or
 * seccomp is reported by one warning line and gone without. ERR_NOT_FOUND: a path that is
 * not optional is missing; ERR_UNAUTHORIZED: the user could not be changed; ERR_INTERNAL:
 * threads are running, or a right could not be dropped. The process must exit then. */
MUST_CHECK enum err sandbox_enter(const struct sandbox_plan *plan, struct err_info *why);

/* The kernel's Landlock ABI version; 0 if it has none. */
int sandbox_landlock_abi(void);
