/* The child's side of the start: who am I, and are my sockets there? */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "server/proc/supervisor.h"

bool supervisor_is_child(int argc, char *const *argv, enum ipc_role *role)
{
    enum ipc_role read;

    if (argc < 3 || strcmp(argv[1], "--role") != 0 || !ipc_role_read(argv[2], &read) ||
        (read & IPC_CHILD) == 0)
        return false;
    *role = read;
    return true;
}

enum err supervisor_child_begin(enum ipc_role role, struct err_info *why)
{
    struct stat about;
    int last = role == IPC_FRONT ? SUPERVISOR_SIGNER_FD : SUPERVISOR_FRONT_FD;
    int death_signal = 0;

    for (int fd = SUPERVISOR_CONTROL_FD; fd <= last; fd++) {
        if (fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode))
            return err_set(why, ERR_USAGE,
                           "--role is for the supervisor; run serve instead");
    }
    if (prctl(PR_GET_PDEATHSIG, &death_signal) != 0 || death_signal != SIGKILL)
        return err_set(why, ERR_USAGE, "--role is for the supervisor; run serve instead");
    return ERR_OK;
}
