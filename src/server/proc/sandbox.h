/* What each role of the server gives up before a byte from outside is read: a jail
 * (core/jail/jail.h) with the syscalls, sockets and files that its work needs. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "core/base/err.h"
#include "core/jail/jail.h"
#include "server/proc/ipc.h"

struct sandbox_plan {
    enum ipc_role role; /* chooses the syscalls and the TCP rights */
    uid_t uid;          /* 0: stay who we are */
    gid_t gid;
    const struct jail_path *paths;
    size_t path_count;
    unsigned int sockets; /* of enum jail_sockets, besides those of its role */
};

/* Enter for good; needs and errors as jail_enter has them. */
MUST_CHECK enum err sandbox_enter(const struct sandbox_plan *plan, struct err_info *why);
