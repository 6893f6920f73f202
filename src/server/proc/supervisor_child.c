/* The child's side of the start: who am I, and are my sockets there? */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

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

bool supervisor_child_has_relay(void)
{
    struct stat about;

    return fstat(SUPERVISOR_RELAY_FD, &about) == 0 && S_ISSOCK(about.st_mode);
}

enum err supervisor_settings_text(struct arena *a, int fd, struct span *text,
                                  struct err_info *why)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot read the configuration");
    if (about.st_size > SUPERVISOR_SETTINGS_MAX)
        return err_set(why, ERR_TOO_LARGE, "the configuration is too large");
    size_t len = (size_t)about.st_size;
    uint8_t *octets = arena_get(a, len + 1);
    size_t have = 0;
    while (have < len) {
        /* pread: the others read the same open file */
        ssize_t got = pread(fd, octets + have, len - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set_os(why, ERR_IO, errno, "cannot read the configuration");
        have += (size_t)got;
    }
    octets[len] = '\0';
    *text = span_make(octets, len);
    return ERR_OK;
}
