/* Opening and reading files with secrets. */
#include "core/base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"

#define CREDENTIAL "credential:"

/* Where the credential of that name is. */
static enum err find_credential(struct arena *a, const char *what, const char *name,
                                const char **path, struct err_info *why)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return err_set(why, ERR_CONFIG, "%s: \"%.100s\" is no name of a credential", what,
                       name);
    if (folder == NULL || folder[0] != '/')
        return err_set(why, ERR_CONFIG,
                       "%s: the credential %s is asked for, but systemd gave none; say "
                       "LoadCredential=%s:FILE in the unit",
                       what, name, name);
    *path = file_path(a, folder, name);
    return ERR_OK;
}

/* systemd sees to it that nobody else reads its credentials; with an access control list,
 * which it may use, the mode looks wider than it is. */
enum err secret_file_open(const char *what, const char *path, int *fd,
                          struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    bool given = strncmp(path, CREDENTIAL, strlen(CREDENTIAL)) == 0;
    struct stat about = {0};

    if (given)
        TRY(find_credential(a, what, path + strlen(CREDENTIAL), &path, why));
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0)
        return err_set_os(why, ERR_CONFIG, errno, "%s: cannot read %s", what, path);
    if (fstat(opened, &about) == 0 && S_ISREG(about.st_mode) &&
        (given || (about.st_mode & 0077) == 0)) {
        *fd = opened;
        return ERR_OK;
    }
    (void)close(opened);
    if (!S_ISREG(about.st_mode))
        return err_set(why, ERR_CONFIG, "%s: %s is no file", what, path);
    return err_set(why, ERR_CONFIG, "%s: %s can be read by others; give it mode 0600",
                   what, path);
}

static enum err read_all(struct arena *a, int fd, size_t max, struct span *content,
                         struct err_info *why)
{
    char *text = arena_get(a, max + 2);
    size_t len = 0;
    ssize_t got = 1;

    while (got != 0 && len <= max) {
        got = read(fd, text + len, max + 1 - len);
        if (got < 0 && errno != EINTR)
            return err_set_os(why, ERR_CONFIG, errno, "cannot be read");
        len += got > 0 ? (size_t)got : 0;
    }
    if (len > max) {
        memory_wipe(text, len);
        return err_set(why, ERR_CONFIG, "is larger than %zu octets", max);
    }
    text[len] = '\0';
    *content = span_make(text, len);
    return ERR_OK;
}

enum err secret_file_read(struct arena *a, const char *what, const char *path, size_t max,
                          struct span *content, struct err_info *why)
{
    int fd = -1;

    TRY(secret_file_open(what, path, &fd, why));
    enum err result = read_all(a, fd, max, content, why);
    (void)close(fd);
    return result == ERR_OK ? ERR_OK : err_prefix(why, "%s: %s", what, path);
}
