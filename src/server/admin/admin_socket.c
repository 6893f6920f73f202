/* The control socket: bound, found, and nobody's twice. */
#include "server/admin/admin_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"

#define LOOK_MS 20 /* between two looks whether the lock is free */

/* The address of the socket, also below a path that is longer than an address: then by
 * the open folder, which the caller closes if it is not -1. */
static enum err address_of(struct arena *a, const char *directory,
                           struct sockaddr_un *address, int *folder, struct err_info *why)
{
    const char *path = file_path(a, directory, ADMIN_SOCKET_NAME);

    *folder = -1;
    if (strlen(path) >= sizeof address->sun_path) {
        *folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*folder < 0)
            return err_set_os(why, ERR_IO, errno, "cannot open %s", directory);
        path = arena_printf(a, "/proc/self/fd/%d/" ADMIN_SOCKET_NAME, *folder);
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    (void)snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    return ERR_OK;
}

/* The folder's owner may use what root made in it. */
static void give_to_owner(const char *directory, const char *path)
{
    struct stat about;

    if (geteuid() == 0 && stat(directory, &about) == 0 && about.st_uid != 0 &&
        lchown(path, about.st_uid, about.st_gid) != 0)
        log_event(LOG_LEVEL_WARNING, "admin.not_the_owners", "path=" LOG_QUOTE, path);
}

static enum err refused(const char *directory, const char *path, int os_error,
                        struct err_info *why)
{
    return err_set_os(why, ERR_UNAUTHORIZED, os_error,
                      "only root and the owner of %s may do this; %s", directory, path);
}

/* The lock, if it is free: false if somebody holds it. */
static enum err try_lock(struct arena *a, const char *directory, bool *taken,
                         struct err_info *why)
{
    const char *path = file_path(a, directory, ADMIN_SOCKET_LOCK);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(why, ERR_CONFIG,
                       "%s is not there; make a CA with: cairn-ca init --dir %s",
                       directory, directory);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return refused(directory, path, errno, why);
    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    *taken = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!*taken) {
        (void)close(fd);
        return ERR_OK;
    }
    give_to_owner(directory, path);
    return ERR_OK; /* the descriptor stays open: the lock goes with the process */
}

/* Does a CA listen? -1 if none does. */
static enum err try_connect(struct arena *a, const char *directory, int *fd,
                            struct err_info *why)
{
    struct sockaddr_un address;
    int folder = -1;

    *fd = -1;
    TRY(address_of(a, directory, &address, &folder, why));
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected =
        s >= 0 && connect(s, (const struct sockaddr *)&address, sizeof address) == 0;
    int os_error = errno;
    if (folder >= 0)
        (void)close(folder);
    if (connected) {
        *fd = s;
        return ERR_OK;
    }
    if (s >= 0)
        (void)close(s);
    if (os_error == ENOENT || os_error == ECONNREFUSED || os_error == ENOTDIR)
        return ERR_OK;
    if (os_error == EACCES || os_error == EPERM)
        return refused(directory, ADMIN_SOCKET_NAME, os_error, why);
    return err_set_os(why, ERR_IO, os_error, "cannot connect to %s/" ADMIN_SOCKET_NAME,
                      directory);
}

bool admin_socket_is_served(struct arena *a, const char *directory)
{
    int fd = -1;

    if (try_connect(a, directory, &fd, NULL) != ERR_OK || fd < 0)
        return false;
    (void)close(fd);
    return true;
}

enum err admin_socket_reach(struct arena *a, const char *directory, int *fd,
                            struct err_info *why)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t until_us = clock_monotonic_us() + ADMIN_SOCKET_WAIT_MS * 1000LL;
    bool taken = false;

    while (true) {
        TRY(try_connect(a, directory, fd, why));
        if (*fd >= 0)
            return ERR_OK;
        TRY(try_lock(a, directory, &taken, why));
        if (taken)
            return ERR_OK;
        if (clock_monotonic_us() >= until_us)
            return err_set(why, ERR_LOCKED,
                           "another cairn-ca holds %s/" ADMIN_SOCKET_LOCK
                           "; try again later",
                           directory);
        (void)nanosleep(&pause, NULL);
    }
}

static enum err bind_and_listen(struct arena *a, const char *directory, int *fd,
                                struct err_info *why)
{
    struct sockaddr_un address;
    int folder = -1;
    const char *path = file_path(a, directory, ADMIN_SOCKET_NAME);

    TRY(address_of(a, directory, &address, &folder, why));
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t old = umask(0177);
    (void)unlink(path); /* of a CA that was killed: the lock is ours */
    bool listens = s >= 0 &&
                   bind(s, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(s, ADMIN_SOCKET_BACKLOG) == 0;
    int os_error = errno;
    (void)umask(old);
    if (folder >= 0)
        (void)close(folder);
    if (!listens) {
        if (s >= 0)
            (void)close(s);
        return err_set_os(why, ERR_IO, os_error, "cannot listen on %s", path);
    }
    give_to_owner(directory, path);
    *fd = s;
    return ERR_OK;
}

enum err admin_socket_listen(struct arena *a, const char *directory, int *fd,
                             struct err_info *why)
{
    int other = -1;

    TRY(admin_socket_reach(a, directory, &other, why));
    if (other >= 0) {
        (void)close(other);
        return err_set(why, ERR_LOCKED, "%s is in use by another cairn-ca", directory);
    }
    return bind_and_listen(a, directory, fd, why);
}

void admin_socket_remove(struct arena *a, const char *directory)
{
    (void)unlink(file_path(a, directory, ADMIN_SOCKET_NAME));
}
