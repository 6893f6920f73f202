/* Files in the place of others. */
#include "client/deploy/deploy_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/deploy/deploy_access.h"
#include "core/base/file.h"
#include "core/base/memory.h"

/* One file on its way. */
struct place {
    const struct deploy_file *file;
    int folder;       /* -1: not opened */
    const char *name; /* in the folder */
    char *fresh;      /* names beside it */
    char *old;
    bool had_old;  /* something stood there */
    bool switched; /* the new one stands there */
    bool lost;     /* the old one could not be brought back; it stays beside */
};

struct deploy_files {
    struct arena *arena;
    size_t count;
    struct place places[DEPLOY_FILES_MAX];
};

static enum err open_folder(struct arena *a, struct place *p, struct err_info *why)
{
    const char *path = p->file->path;
    const char *slash = strrchr(path, '/');

    if (path[0] != '/' || slash[1] == '\0')
        return err_set(why, ERR_CONFIG, "%s: %.200s is not the absolute path of a file",
                       p->file->option, path);
    p->name = slash + 1;
    const char *folder =
        slash == path ? "/" : arena_string_of(a, span_make(path, (size_t)(slash - path)));
    p->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->folder < 0 && errno == ENOENT)
        return err_set(why, ERR_CONFIG, "%s: there is no folder %.200s; make it first",
                       p->file->option, folder);
    if (p->folder < 0)
        return err_set_os(why, ERR_IO, errno, "%s: cannot open the folder %.200s",
                          p->file->option, folder);
    p->fresh = arena_printf(a, ".%s.cairn-new", p->name);
    p->old = arena_printf(a, ".%s.cairn-old", p->name);
    return ERR_OK;
}

/* What a run that was ended before its end left: the file that was good is the old one,
 * and nobody has tested the new one. */
static enum err clean_up(struct place *p, struct err_info *why)
{
    struct stat about;

    (void)unlinkat(p->folder, p->fresh, 0);
    if (fstatat(p->folder, p->old, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        renameat(p->folder, p->old, p->folder, p->name) != 0)
        return err_set_os(why, ERR_IO, errno, "%s: cannot bring %s back", p->file->option,
                          p->file->path);
    /* two names of one file are not renamed (POSIX): */
    (void)unlinkat(p->folder, p->old, 0);
    return ERR_OK;
}

static enum err look(struct place *p, struct stat *about, struct err_info *why)
{
    if (fstatat(p->folder, p->name, about, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            return err_set_os(why, ERR_IO, errno, "%s: cannot look at %s",
                              p->file->option, p->file->path);
        about->st_mode = 0;
        return ERR_OK;
    }
    p->had_old = true;
    if (!S_ISREG(about->st_mode) && !S_ISLNK(about->st_mode))
        return err_set(why, ERR_CONFIG, "%s: %s is there, and is no file",
                       p->file->option, p->file->path);
    return ERR_OK;
}

/* Nobody else can open it before it is as it has to be; only then it gets its content. */
static enum err fill(struct place *p, int fd, const struct deploy_access *access,
                     const struct stat *about, struct err_info *why)
{
    const struct deploy_file *f = p->file;

    TRY(deploy_access_give(fd, p->folder, p->name, about, access, f->has_key, why));
    for (size_t i = 0; i < f->piece_count; i++)
        if (!file_write_all(fd, f->pieces[i]))
            return err_set_os(why, ERR_IO, errno, "cannot write");
    if (fsync(fd) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot sync");
    return ERR_OK;
}

static enum err write_one(struct arena *a, struct place *p,
                          const struct deploy_access *access, struct err_info *why)
{
    struct stat about;

    TRY(open_folder(a, p, why));
    TRY(clean_up(p, why));
    TRY(look(p, &about, why));
    int fd = openat(p->folder, p->fresh,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "%s: cannot write beside %s",
                          p->file->option, p->file->path);
    enum err result = fill(p, fd, access, &about, why);
    if (close(fd) != 0 && result == ERR_OK)
        result = err_set_os(why, ERR_IO, errno, "cannot write");
    return result == ERR_OK ? ERR_OK
                            : err_prefix(why, "%s %s", p->file->option, p->file->path);
}

enum err deploy_files_write(const struct deploy_file *files, size_t count,
                            const struct deploy_access *access, struct deploy_files **set,
                            struct err_info *why)
{
    AUTO(deploy_files) struct deploy_files *made = memory_get_zeroed(1, sizeof *made);

    made->arena = arena_new();
    if (count > DEPLOY_FILES_MAX)
        return err_set(why, ERR_CONFIG, "more than %d files", DEPLOY_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        made->places[i] = (struct place){.file = &files[i], .folder = -1};
        made->count++;
        TRY(write_one(made->arena, &made->places[i], access, why));
    }
    *set = made;
    made = NULL;
    return ERR_OK;
}

/* ---- renaming ---- */

/* A file system without hard links has a moment without the file. */
static bool set_aside(struct place *p)
{
    return !p->had_old || linkat(p->folder, p->name, p->folder, p->old, 0) == 0 ||
           renameat(p->folder, p->name, p->folder, p->old) == 0;
}

static enum err switch_one(struct place *p, struct err_info *why)
{
    if (!set_aside(p))
        return err_set_os(why, ERR_IO, errno, "%s: cannot keep the old %s",
                          p->file->option, p->file->path);
    p->switched = true;
    if (renameat(p->folder, p->fresh, p->folder, p->name) != 0)
        return err_set_os(why, ERR_IO, errno, "%s: cannot replace %s", p->file->option,
                          p->file->path);
    if (fsync(p->folder) != 0 && errno != EINVAL)
        return err_set_os(why, ERR_IO, errno, "%s: cannot sync the folder of %s",
                          p->file->option, p->file->path);
    return ERR_OK;
}

enum err deploy_files_switch(struct deploy_files *set, struct err_info *why)
{
    struct err_info undoing = {0};
    enum err result = ERR_OK;

    for (size_t i = 0; i < set->count && result == ERR_OK; i++)
        result = switch_one(&set->places[i], why);
    if (result != ERR_OK && deploy_files_undo(set, &undoing) != ERR_OK) {
        const struct err_info first = *why;
        return err_set(why, first.code, "%.400s; and %.300s", first.detail,
                       undoing.detail);
    }
    return result;
}

enum err deploy_files_undo(struct deploy_files *set, struct err_info *why)
{
    enum err result = ERR_OK;

    for (size_t i = set->count; i > 0; i--) {
        struct place *p = &set->places[i - 1];
        if (!p->switched)
            continue;
        p->switched = false;
        bool good = p->had_old ? renameat(p->folder, p->old, p->folder, p->name) == 0
                               : unlinkat(p->folder, p->name, 0) == 0 || errno == ENOENT;
        if (good)
            (void)fsync(p->folder);
        else
            result =
                err_set_os(why, ERR_IO, errno,
                           "the old %s cannot be brought back; it is beside it as %s",
                           p->file->path, p->old);
        p->lost = !good;
    }
    return result;
}

void deploy_files_free(struct deploy_files *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++) {
        struct place *p = &set->places[i];
        if (p->folder < 0)
            continue;
        (void)unlinkat(p->folder, p->fresh, 0);
        if (!p->lost)
            (void)unlinkat(p->folder, p->old, 0);
        (void)close(p->folder);
    }
    arena_free(set->arena);
    free(set);
}
