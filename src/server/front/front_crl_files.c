/* crl.directory: the documents as files, at the paths their URLs have. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "server/front/front_crl_private.h"

#define FOLDER_MODE 0755
#define FILE_MODE   0644

/* Whoever made the folder may give it away; one that was there stays its owner's. */
enum err front_crl_open_folder(struct front *f, uid_t uid, gid_t gid,
                               struct err_info *why)
{
    const char *path = settings_path(f->arena, f->settings, f->settings->crl_directory);
    bool made = mkdir(path, FOLDER_MODE) == 0;

    f->crl->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->crl->folder < 0)
        return err_set_os(why, ERR_CONFIG, errno, "crl.directory: %s", path);
    if (made)
        (void)fchmod(f->crl->folder, FOLDER_MODE);
    if (made && uid != 0 && fchown(f->crl->folder, uid, gid) != 0)
        return err_set_os(why, ERR_IO, errno, "crl.directory: %s", path);
    return ERR_OK;
}

int front_crl_folder(const struct front *f)
{
    return f->crl->folder;
}

static void close_folder(int fd, int folder)
{
    if (fd >= 0 && fd != folder)
        (void)close(fd);
}

/* The folder a path is in (-1 with errno), made on the way; `*name` is what is behind the
 * last slash. */
static int open_parent(int folder, const char *path, const char **name)
{
    int at = folder;
    char part[256];

    for (;;) {
        path += strspn(path, "/");
        size_t len = strcspn(path, "/");
        if (path[len] == '\0') {
            *name = path;
            return at;
        }
        if (len >= sizeof part || path[0] == '.') {
            close_folder(at, folder);
            errno = EINVAL;
            return -1;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        bool made = mkdirat(at, part, FOLDER_MODE) == 0;
        int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        int error = errno;
        close_folder(at, folder);
        errno = error;
        if (next < 0)
            return -1;
        if (made)
            (void)fchmod(next, FOLDER_MODE); /* whatever the umask */
        at = next;
        path += len;
    }
}

static bool replace(int at, const char *fresh, const char *name, struct span octets)
{
    int fd = openat(at, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    FILE_MODE);

    if (fd < 0)
        return false;
    bool good =
        file_write_all(fd, octets) && fchmod(fd, FILE_MODE) == 0 && fsync(fd) == 0;
    int error = errno;
    (void)close(fd);
    errno = error;
    return good && renameat(at, fresh, at, name) == 0 && fsync(at) == 0;
}

enum err front_crl_write(int folder, const char *path, struct span octets,
                         struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *name = NULL;
    int at = open_parent(folder, path, &name);

    if (at < 0)
        return err_set_os(why, ERR_IO, errno, "cannot write %s in crl.directory", path);
    bool good = replace(at, arena_printf(a, ".%s.new", name), name, octets);
    int error = errno;
    close_folder(at, folder);
    if (!good)
        return err_set_os(why, ERR_IO, error, "cannot write %s in crl.directory", path);
    return ERR_OK;
}

static enum err read_file(int fd, struct crl_image *image, struct err_info *why)
{
    struct stat status;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0 ||
        (size_t)status.st_size > CRL_BUILD_MAX)
        return err_set(why, ERR_TOO_LARGE, "no revocation list");
    TRY(crl_image_make((size_t)status.st_size, image, why));
    size_t used = 0;
    while (used < image->map_size) {
        ssize_t n = read(fd, (uint8_t *)image->map + used, image->map_size - used);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    image->der = span_make(image->map, used);
    return ERR_OK;
}

enum err front_crl_read(int folder, const char *path, struct crl_image *image,
                        struct err_info *why)
{
    int fd = openat(folder, path + 1, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return err_set_os(why, ERR_NOT_FOUND, errno, "%s", path);
    enum err result = read_file(fd, image, why);
    (void)close(fd);
    return result;
}
