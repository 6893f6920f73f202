/* Folders of confined programs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/run/run_private.h"

#define DEPTH_MAX 64

enum err run_folder_make(struct arena *a, const struct run_user *user, char **folder,
                         struct err_info *why)
{
    char *path = arena_string(a, "/tmp/cairn-XXXXXX");

    if (mkdtemp(path) == NULL)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a folder in /tmp");
    if (user->changes && chown(path, user->uid, user->gid) != 0 && errno != EINVAL) {
        int reason = errno;
        (void)rmdir(path);
        return err_set_os(why, ERR_INTERNAL, reason, "cannot give a folder away");
    }
    *folder = path;
    return ERR_OK;
}

/* By descriptors and without following links: what is in it was put there by strangers.
 */
static void empty(int folder, int depth)
{
    DIR *d = fdopendir(folder);
    struct dirent *entry;

    if (d == NULL)
        (void)close(folder);
    while (d != NULL && (entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (unlinkat(dirfd(d), name, 0) == 0 || depth == DEPTH_MAX)
            continue;
        int below =
            openat(dirfd(d), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            empty(below, depth + 1);
        (void)unlinkat(dirfd(d), name, AT_REMOVEDIR);
    }
    if (d != NULL)
        (void)closedir(d);
}

/* What is in it is removed by a process with the rights of who made it: whoever shares
 * that user could lay traps for root. The folder itself is root's to remove. */
void run_folder_remove(const char *folder, const struct run_user *user)
{
    pid_t pid = fork();

    if (pid == 0) {
        int opened = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (opened >= 0 && run_become(user))
            empty(opened, 0);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    (void)rmdir(folder);
}
