/* Preloaded into a program under test: counts the calls that change files, and at the
 * n-th (FAIL_AT=n) kills the process, or lets the call fail when FAIL_ERRNO is set. With
 * FAIL_LOG=PATH, the name of every call is appended there, one a line. Calls that change
 * the content of regular files count if FAIL_WRITES is set: there are many, and half a
 * file matters only where it has its name already. Descriptors and folders under /dev and
 * /proc are none of its business. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIGH_FD 900

#define EXPORTED __attribute__((visibility("default")))

/* The next definition of a function behind this library. */
static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

/* Opened before the program gives up the right to: a number that nobody else comes to,
 * and what is there must be the log, as processes close what they do not know. */
static int log_fd = -1;
static struct stat log_file;
static struct stat proc_folder;

__attribute__((constructor)) static void open_log(void)
{
    const char *log = getenv("FAIL_LOG");
    int (*real_open)(const char *, int, ...) = NULL;

    (void)stat("/proc", &proc_folder);
    if (log == NULL)
        return;
    *(void **)&real_open = real("open");
    int fd = real_open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    log_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (log_fd < 0 || fstat(log_fd, &log_file) != 0 || close(fd) != 0)
        abort();
}

static void note(const char *name)
{
    ssize_t (*real_write)(int, const void *, size_t) = NULL;
    struct stat about;
    char line[64];

    if (log_fd < 0 || fstat(log_fd, &about) != 0 || about.st_ino != log_file.st_ino ||
        about.st_dev != log_file.st_dev)
        return;
    int len = snprintf(line, sizeof line, "%s\n", name);
    *(void **)&real_write = real("write");
    if (real_write(log_fd, line, (size_t)len) != len)
        abort();
}

/* True: the call must not be made, errno is set. */
static bool fails(const char *name)
{
    static atomic_long calls;
    const char *at = getenv("FAIL_AT");
    const char *reason = getenv("FAIL_ERRNO");

    note(name);
    if (at == NULL || atomic_fetch_add(&calls, 1) + 1 != strtol(at, NULL, 10))
        return false;
    if (reason == NULL)
        (void)kill(getpid(), SIGKILL);
    errno = reason != NULL ? (int)strtol(reason, NULL, 10) : EIO;
    return true;
}

/* Is it asked for, and is that the content of a file? */
static bool counts_content(int fd)
{
    struct stat about;

    return getenv("FAIL_WRITES") != NULL && fstat(fd, &about) == 0 &&
           S_ISREG(about.st_mode) && about.st_dev != proc_folder.st_dev;
}

#define WRAP_IF(type, condition, name, parameters, arguments)                            \
    EXPORTED type name parameters                                                        \
    {                                                                                    \
        type(*next) parameters = NULL;                                                   \
        *(void **)&next = real(#name);                                                   \
        return (condition) && fails(#name) ? -1 : next arguments;                        \
    }
#define WRAP(name, parameters, arguments) WRAP_IF(int, true, name, parameters, arguments)

WRAP(fsync, (int fd), (fd))
WRAP(fdatasync, (int fd), (fd))
WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(renameat, (int from_fd, const char *from, int to_fd, const char *to),
     (from_fd, from, to_fd, to))
WRAP(renameat2,
     (int from_fd, const char *from, int to_fd, const char *to, unsigned int flags),
     (from_fd, from, to_fd, to, flags))
WRAP(symlink, (const char *target, const char *path), (target, path))
WRAP(symlinkat, (const char *target, int fd, const char *path), (target, fd, path))
WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP(unlink, (const char *path), (path))
WRAP(unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(rmdir, (const char *path), (path))
WRAP(link, (const char *from, const char *to), (from, to))
WRAP(linkat, (int from_fd, const char *from, int to_fd, const char *to, int flags),
     (from_fd, from, to_fd, to, flags))
WRAP(fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
WRAP(mkostemp, (char *path, int flags), (path, flags))
WRAP_IF(int, counts_content(fd), ftruncate, (int fd, off_t size), (fd, size))
WRAP_IF(ssize_t, counts_content(fd), write, (int fd, const void *data, size_t len),
        (fd, data, len))
WRAP_IF(ssize_t, counts_content(fd), pwrite,
        (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))

EXPORTED int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...) = NULL;
    va_list values;

    va_start(values, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(values, mode_t) : 0;
    va_end(values);
    *(void **)&next = real("open");
    if ((flags & O_CREAT) != 0 && strncmp(path, "/dev/", 5) != 0 && fails("open"))
        return -1;
    return next(path, flags, mode);
}

EXPORTED int openat(int fd, const char *path, int flags, ...)
{
    int (*next)(int, const char *, int, ...) = NULL;
    va_list values;

    va_start(values, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(values, mode_t) : 0;
    va_end(values);
    *(void **)&next = real("openat");
    if ((flags & O_CREAT) != 0 && strncmp(path, "/dev/", 5) != 0 && fails("openat"))
        return -1;
    return next(fd, path, flags, mode);
}
