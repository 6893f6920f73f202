/* Folder and lock. */
#include "client/store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"

#define SYSTEM_DIRECTORY "/var/lib/cairn"

enum err state_default_directory(struct arena *a, const char **directory,
                                 struct err_info *why)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (geteuid() == 0)
        *directory = SYSTEM_DIRECTORY;
    else if (state != NULL && state[0] == '/')
        *directory = arena_printf(a, "%s/cairn", state);
    else if (home != NULL && home[0] == '/')
        *directory = arena_printf(a, "%s/.local/state/cairn", home);
    else
        return err_set(why, ERR_USAGE, "there is no HOME; say --dir DIR");
    return ERR_OK;
}

/* As mkdir -p; what exists keeps its mode. */
static enum err make_with_parents(struct arena *a, const char *directory,
                                  struct err_info *why)
{
    char *path = arena_string(a, directory);

    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return err_set_os(why, ERR_IO, errno, "cannot make %s", path);
        *p = '/';
    }
    return file_make_directory(path, 0700, why);
}

enum err state_prepare(struct arena *a, const char *directory, struct err_info *why)
{
    TRY(make_with_parents(a, directory, why));
    TRY(file_make_directory(file_path(a, directory, "accounts"), 0700, why));
    return file_make_directory(file_path(a, directory, "certificates"), 0700, why);
}

enum err state_lock(struct arena *a, const char *directory, struct err_info *why)
{
    char *path = file_path(a, directory, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return err_set(why, ERR_LOCKED, "another cairn is working in %s; try again later",
                       directory);
    }
    return ERR_OK;
}
