/* Removal, from the leaves up. */
#include "core/base/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool is_itself(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* False with errno set. */
static bool remove_below(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    int refused = errno;
    /* EACCES is said of a folder, too, by a jail in which no files can be removed there
     */
    if ((refused != EISDIR && refused != EACCES) || depth == 0)
        return false;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOTDIR)
            errno = refused;
        return errno == ENOENT;
    }
    DIR *d = fdopendir(fd);
    struct dirent *entry;
    bool good = true;
    if (d == NULL) {
        (void)close(fd);
        return false;
    }
    while (good && (entry = readdir(d)) != NULL)
        good = is_itself(entry->d_name) || remove_below(fd, entry->d_name, depth - 1);
    int reason = errno;
    (void)closedir(d);
    errno = reason;
    return good && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

enum err file_tree_remove(const char *path, struct err_info *why)
{
    if (!remove_below(AT_FDCWD, path, FILE_TREE_DEPTH_MAX))
        return err_set_os(why, ERR_IO, errno, "cannot remove all of %s", path);
    return ERR_OK;
}
