/* Preloaded into cairn-ca and inherited by its processes: a disk that fails or a kill at
 * the n-th change of a file, and a wall clock that is wrong. A test tells it what to do
 * by a file that is mapped (WORST_DAY=PATH): processes that may open nothing any more,
 * and those that are started again, obey as well. */
/* both names of a call are defined here, pwrite and pwrite64 */
#undef _FILE_OFFSET_BITS
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED      __attribute__((visibility("default")))
#define NAMES         2048
#define NAME_MAX_SIZE 16

/* As tests/flow/worst_day.py writes and reads it. */
struct order {
    _Atomic int64_t count;    /* changes so far by the role */
    _Atomic int64_t at;       /* the one that fails, from 1; 0: none */
    _Atomic int64_t reason;   /* errno; 0: the process is killed */
    _Atomic int64_t lasting;  /* all from that one on */
    _Atomic int64_t clock_ms; /* added to the wall clock */
    char role[NAME_MAX_SIZE]; /* whose changes count: front, signer, init ... */
    char names[NAMES][NAME_MAX_SIZE];
};

static struct order *order;
static char role[NAME_MAX_SIZE];

/* The next definition of a function behind this library. */
static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

#define REAL(pointer, name) *(void **)&(pointer) = real(name)

/* `cairn-ca --role front ...` or `cairn-ca init ...` */
static void find_role(void)
{
    char words[256] = {0};
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, words, sizeof words - 1) : -1;
    const char *word = len > 0 ? words + strlen(words) + 1 : "";

    if (strcmp(word, "--role") == 0)
        word += sizeof "--role";
    (void)snprintf(role, sizeof role, "%.15s", word);
    if (fd >= 0)
        (void)close(fd);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("WORST_DAY");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    find_role();
    void *mapped = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (mapped == MAP_FAILED)
        abort();
    order = mapped;
}

/* True: the call must not be made, errno is set. */
static bool fails(const char *name)
{
    if (order == NULL || strcmp(order->role, role) != 0)
        return false;
    int64_t number = atomic_fetch_add(&order->count, 1) + 1;
    int64_t at = atomic_load(&order->at);
    if (number <= NAMES)
        (void)snprintf(order->names[number - 1], NAME_MAX_SIZE, "%.15s", name);
    if (at == 0 || number < at || (number > at && atomic_load(&order->lasting) == 0))
        return false;
    if (atomic_load(&order->reason) == 0)
        (void)kill(getpid(), SIGKILL);
    errno = (int)atomic_load(&order->reason);
    return true;
}

/* Is it a file with a name, and not where the log goes? */
static bool is_file(int fd)
{
    struct stat about;

    return fd > STDERR_FILENO && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
           about.st_nlink > 0;
}

#define WRAP(type, name, condition, parameters, arguments)                               \
    EXPORTED type name parameters                                                        \
    {                                                                                    \
        type(*next) parameters = NULL;                                                   \
        REAL(next, #name);                                                               \
        return (condition) && fails(#name) ? -1 : next arguments;                        \
    }

WRAP(int, fsync, true, (int fd), (fd))
WRAP(int, fdatasync, true, (int fd), (fd))
WRAP(int, rename, true, (const char *from, const char *to), (from, to))
WRAP(int, mkdir, true, (const char *path, mode_t mode), (path, mode))
WRAP(int, unlink, true, (const char *path), (path))
WRAP(int, rmdir, true, (const char *path), (path))
WRAP(int, fchmod, true, (int fd, mode_t mode), (fd, mode))
WRAP(int, ftruncate64, is_file(fd), (int fd, off64_t size), (fd, size))
WRAP(int, ftruncate, is_file(fd), (int fd, off_t size), (fd, size))
WRAP(ssize_t, write, is_file(fd), (int fd, const void *from, size_t size),
     (fd, from, size))
WRAP(ssize_t, pwrite64, is_file(fd), (int fd, const void *from, size_t size, off64_t at),
     (fd, from, size, at))
WRAP(ssize_t, pwrite, is_file(fd), (int fd, const void *from, size_t size, off_t at),
     (fd, from, size, at))

EXPORTED int posix_fallocate64(int fd, off64_t at, off64_t size)
{
    int (*next)(int, off64_t, off64_t) = NULL;

    REAL(next, "posix_fallocate64");
    return fails("posix_fallocate") ? errno : next(fd, at, size);
}

EXPORTED int posix_fallocate(int fd, off_t at, off_t size)
{
    int (*next)(int, off_t, off_t) = NULL;

    REAL(next, "posix_fallocate");
    return fails("posix_fallocate") ? errno : next(fd, at, size);
}

/* A file that is there already is not made. */
static bool makes(const char *path, int flags)
{
    return (flags & O_CREAT) != 0 && strncmp(path, "/dev/", 5) != 0 &&
           access(path, F_OK) != 0;
}

#define WRAP_OPEN(name)                                                                  \
    EXPORTED int name(const char *path, int flags, ...)                                  \
    {                                                                                    \
        int (*next)(const char *, int, ...) = NULL;                                      \
        va_list values;                                                                  \
        va_start(values, flags);                                                         \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(values, mode_t) : 0;               \
        va_end(values);                                                                  \
        REAL(next, #name);                                                               \
        return makes(path, flags) && fails(#name) ? -1 : next(path, flags, mode);        \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

/* --- the clock ---------------------------------------------------------------------- */

EXPORTED int clock_gettime(clockid_t clock, struct timespec *to)
{
    int (*next)(clockid_t, struct timespec *) = NULL;

    REAL(next, "clock_gettime");
    int result = next(clock, to);
    if (result == 0 && order != NULL && clock == CLOCK_REALTIME) {
        int64_t ms = atomic_load(&order->clock_ms) + to->tv_nsec / 1000000;
        to->tv_sec += ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
        to->tv_nsec =
            to->tv_nsec % 1000000 + (ms % 1000 + (ms % 1000 < 0 ? 1000 : 0)) * 1000000;
    }
    return result;
}

EXPORTED time_t time(time_t *to)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL)
        *to = now.tv_sec;
    return now.tv_sec;
}
