/* Files: read whole, replaced atomically, synced. */
#include "core/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/random.h"

#define BESIDE_DIGITS 16
#define BESIDE_END    ".new"

static enum err read_fd(struct arena *a, int fd, const char *path, size_t max,
                        struct span *content, struct err_info *why)
{
    struct stat status;
    size_t len = 0;

    if (fstat(fd, &status) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", path);
    if (!S_ISREG(status.st_mode))
        return err_set(why, ERR_IO, "%s is not a regular file", path);
    if (status.st_size < 0 || (uint64_t)status.st_size > max)
        return err_set(why, ERR_TOO_LARGE, "%s is larger than %zu octets", path, max);
    size_t room = (size_t)status.st_size;
    char *data = arena_get(a, room + 1);
    while (len < room) {
        ssize_t got = read(fd, data + len, room - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_os(why, ERR_IO, errno, "cannot read %s", path);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *content = span_make(data, len);
    return ERR_OK;
}

enum err file_read(struct arena *a, const char *path, size_t max, struct span *content,
                   struct err_info *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set_os(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
                          "cannot open %s", path);
    enum err result = read_fd(a, fd, path, max, content, why);
    (void)close(fd);
    return result;
}

void file_keep_standard(void)
{
    int fd;

    /* the lowest free number is given out, so this fills the gaps */
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

bool file_write_all(int fd, struct span content)
{
    while (content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        content = span_slice(content, (size_t)put, content.len);
    }
    return true;
}

/* A new file, written and synced; removed again if that fails. */
static enum err write_new(const char *path, struct span content, mode_t mode,
                          struct err_info *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_set_os(why, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno,
                          "cannot create %s", path);
    bool good = file_write_all(fd, content) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good)
        return ERR_OK;
    (void)unlink(path);
    return err_set_os(why, ERR_IO, reason, "cannot write %s", path);
}

static enum err sync_parent(const char *path, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return file_sync_directory(".", why);
    if (slash == path)
        return file_sync_directory("/", why);
    return file_sync_directory(
        arena_string_of(a, span_make(path, (size_t)(slash - path))), why);
}

/* Where a file is written before it has its name. */
static char *beside(struct arena *a, const char *path)
{
    uint64_t unique;

    random_fill(&unique, sizeof unique);
    return arena_printf(a, "%s.%0*llx" BESIDE_END, path, BESIDE_DIGITS,
                        (unsigned long long)unique);
}

enum err file_replace(const char *path, struct span content, mode_t mode,
                      struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char *fresh = beside(a, path);

    TRY(write_new(fresh, content, mode, why));
    if (rename(fresh, path) != 0) {
        int reason = errno;
        (void)unlink(fresh);
        return err_set_os(why, ERR_IO, reason, "cannot replace %s", path);
    }
    return sync_parent(path, why);
}

/* Give a file a name that no other has: 0, or the reason why not. Not every file system
 * knows renames that replace nothing. */
static int give_name(const char *fresh, const char *path)
{
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (link(fresh, path) != 0)
        return errno;
    (void)unlink(fresh); /* it has its name; another one too is no failure */
    return 0;
}

/* Is that what a file system says that has no second names (FAT, some network's)? */
static bool has_no_links(int reason)
{
    return reason == EPERM || reason == EOPNOTSUPP || reason == ENOSYS ||
           reason == EMLINK;
}

enum err file_create(const char *path, struct span content, mode_t mode,
                     struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char *fresh = beside(a, path);

    if (file_exists(path))
        return err_set_os(why, ERR_EXISTS, EEXIST, "cannot create %s", path);
    TRY(write_new(fresh, content, mode, why));
    int reason = give_name(fresh, path);
    if (reason != 0)
        (void)unlink(fresh);
    if (has_no_links(reason)) /* in its place, then: better than not at all */
        TRY(write_new(path, content, mode, why));
    else if (reason != 0)
        return err_set_os(why, reason == EEXIST ? ERR_EXISTS : ERR_IO, reason,
                          "cannot create %s", path);
    return sync_parent(path, why);
}

/* Is it "NAME.DIGITS.new"? Of any name if that is NULL. */
static bool is_beside(const char *entry, const char *name)
{
    size_t tail = 1 + BESIDE_DIGITS + strlen(BESIDE_END);
    size_t len = strlen(entry);

    if (len <= tail)
        return false;
    len -= tail;
    return (name == NULL || (strlen(name) == len && memcmp(entry, name, len) == 0)) &&
           entry[len] == '.' &&
           strspn(entry + len + 1, "0123456789abcdef") == BESIDE_DIGITS &&
           strcmp(entry + len + 1 + BESIDE_DIGITS, BESIDE_END) == 0;
}

static void sweep(const char *folder, const char *name)
{
    AUTO(arena) struct arena *a = arena_new();
    DIR *d = opendir(folder);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (is_beside(entry->d_name, name))
            (void)unlink(arena_printf(a, "%s/%s", folder, entry->d_name));
    if (d != NULL)
        (void)closedir(d);
}

void file_sweep(const char *path)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        sweep(".", path);
    else
        sweep(arena_string_of(a, span_make(path, (size_t)(slash - path + 1))), slash + 1);
}

void file_sweep_folder(const char *folder)
{
    sweep(folder, NULL);
}

enum err file_make_directory(const char *path, mode_t mode, struct err_info *why)
{
    if (mkdir(path, mode) != 0) {
        struct stat status;
        if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            return ERR_OK;
        return err_set_os(why, ERR_IO, errno, "cannot make the directory %s", path);
    }
    return sync_parent(path, why);
}

enum err file_sync_directory(const char *path, struct err_info *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open the directory %s", path);
    int result = fsync(fd);
    int reason = errno;
    (void)close(fd);
    if (result != 0 && reason != EINVAL)
        return err_set_os(why, ERR_IO, reason, "cannot sync the directory %s", path);
    return ERR_OK;
}

bool file_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

bool file_changed(const char *path, int64_t *seconds)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    *seconds = status.st_mtim.tv_sec;
    return true;
}

char *file_path(struct arena *a, const char *directory, const char *name)
{
    if (name[0] == '/')
        return arena_string(a, name);
    return arena_printf(a, "%s/%s", directory, name);
}
