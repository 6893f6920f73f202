/* Give up every right a process does not need, before a byte from outside is read.
 *
 * Layers: another user (where started as root), no new privileges, no core dumps,
 * Landlock for files and TCP, seccomp by syscall group (jail_syscalls.def). What a
 * library may try in good faith is refused with EPERM, so that it can fall back; what
 * only an intruder does (execve, ptrace, mount ...) kills the process, and the kernel
 * logs it. See landlock(7), seccomp(2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/err.h"

enum jail_group_number {
#define JAIL_GROUP(GROUP) JAIL_NUMBER_##GROUP,
#include "core/jail/jail_syscalls.def"
};

/* Syscalls by what they are for: one bit for each group. */
enum jail_groups {
#define JAIL_GROUP(GROUP) JAIL_##GROUP = 1 << JAIL_NUMBER_##GROUP,
#include "core/jail/jail_syscalls.def"
};

/* What may be done below a path. */
enum jail_access {
    JAIL_READ,       /* read files, list folders */
    JAIL_UPDATE,     /* also write to files and devices that are there */
    JAIL_READ_WRITE, /* also write, create, rename and remove regular files */
    JAIL_KEEP,       /* as that, and symbolic links, and remove folders */
    JAIL_CLEAR,      /* remove empty folders in it, and nothing else */
};

struct jail_path {
    const char *path;
    enum jail_access access;
    bool optional; /* a path that does not exist is passed over */
    int fd; /* where `path` is NULL: of what is open already, as the way to it may be
               closed for the new user */
};

/* Sockets a process may open, a set; it may listen nowhere. */
enum jail_sockets {
    JAIL_SOCKETS_NONE = 0,
    JAIL_SOCKETS_LOCAL = 1,    /* AF_UNIX */
    JAIL_SOCKETS_INTERNET = 2, /* IPv4 and IPv6 */
    JAIL_SOCKETS_ALL = JAIL_SOCKETS_LOCAL | JAIL_SOCKETS_INTERNET,
};

struct jail_plan {
    unsigned int groups; /* of enum jail_groups */
    uid_t uid;           /* 0: stay who we are */
    gid_t gid;
    const struct jail_path *paths;
    size_t path_count;
    bool all_files;       /* Landlock guards no path */
    unsigned int sockets; /* of enum jail_sockets */
    bool silent;          /* what the kernel lacks is not told of */
};

/* Enter for good. Needs a process with a single thread (threads started later inherit
 * it), with everything open that the paths do not allow. A kernel without Landlock or
 * seccomp is reported by one warning line and gone without. ERR_NOT_FOUND: a path that is
 * not optional is missing; ERR_UNAUTHORIZED: the user could not be changed; ERR_INTERNAL:
 * threads are running, or a right could not be dropped. The process must exit then. */
MUST_CHECK enum err jail_enter(const struct jail_plan *plan, struct err_info *why);

/* The kernel's Landlock ABI version; 0 if it has none. */
int jail_landlock_abi(void);
