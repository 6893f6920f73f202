/* The files of the journal. */
#include "client/solve/web_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define FOLDER    "web"
#define SUFFIX    ".json"
#define TRIES     5
#define ENTRY_MAX (1024 * 1024) /* octets of a file: JSON_READ_MAX_SIZE */

static char *path_of(struct arena *a, const char *directory, const char *id)
{
    return arena_printf(a, "%s/" FOLDER "/%s" SUFFIX, directory, id);
}

static enum err write_entry(const char *path, const struct web_entry *e,
                            struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ENTRY_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "server", e->server);
    json_write_text(&w, "config", e->config);
    json_write_begin_array(&w, "files");
    for (size_t i = 0; i < e->file_count; i++)
        json_write_text(&w, NULL, e->files[i]);
    json_write_end_array(&w);
    json_write_end_object(&w);
    buf_add_text(&b, "\n");
    if (b.failed)
        return err_set(why, ERR_IO, "too many files of %s would have to be changed",
                       e->server);
    return file_create(path, buf_span(&b), 0600, why);
}

/* -1: it is gone, or held by somebody. */
static int lock_entry(const char *path)
{
    struct stat opened;
    struct stat there;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    /* who held it may have removed it meanwhile */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &opened) != 0 ||
        stat(path, &there) != 0 || opened.st_ino != there.st_ino) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* What was killed while it wrote an entry left. Who writes one has the folder's lock. */
static void sweep(const char *folder)
{
    int fd = file_lock_folder(folder, LOCK_EX | LOCK_NB);

    if (fd < 0)
        return;
    file_sweep_folder(folder);
    (void)close(fd);
}

static enum err write_and_lock(struct arena *a, const char *directory,
                               struct web_entry *e, int *fd, struct err_info *why)
{
    const char *path = path_of(a, directory, e->id);
    int folder = file_lock_folder(file_path(a, directory, FOLDER), LOCK_SH);
    enum err result = write_entry(path, e, why);

    *fd = result == ERR_OK ? lock_entry(path) : -1;
    if (folder >= 0)
        (void)close(folder);
    return result;
}

enum err web_journal_begin(struct arena *a, const char *directory, struct web_entry *e,
                           int *lock, struct err_info *why)
{
    char *folder = file_path(a, directory, FOLDER);
    int fd = -1;

    TRY(file_make_directory(folder, 0700, why));
    TRY(file_sync_directory(directory, why));
    /* somebody may find it before it is locked, and end it, as nothing was changed yet */
    for (int tries = 0; tries < TRIES && fd < 0; tries++) {
        uint64_t number;
        random_fill(&number, sizeof number);
        (void)snprintf(e->id, sizeof e->id, "%016" PRIx64, number);
        TRY(write_and_lock(a, directory, e, &fd, why));
    }
    if (fd < 0)
        return err_set(why, ERR_IO, "cannot lock %s", path_of(a, directory, e->id));
    *lock = fd;
    return ERR_OK;
}

enum err web_journal_end(struct arena *a, const char *directory,
                         const struct web_entry *e, int lock, struct err_info *why)
{
    char *path = path_of(a, directory, e->id);
    int result = unlink(path);
    int reason = errno;

    (void)close(lock);
    if (result != 0 && reason != ENOENT)
        return err_set_os(why, ERR_IO, reason, "cannot remove %s", path);
    return file_sync_directory(file_path(a, directory, FOLDER), why);
}

static enum err read_entry(struct arena *a, const char *path, struct web_entry *e,
                           struct err_info *why)
{
    const struct json *object = NULL;
    const struct json *files = NULL;
    struct span text;

    TRY(file_read(a, path, ENTRY_MAX, &text, why));
    TRY(json_read(a, text, &object, why));
    TRY(json_need_text(object, "server", &e->server, why));
    TRY(json_need_text(object, "config", &e->config, why));
    TRY(json_need_array(object, "files", &files, why));
    const char **list = arena_array(a, json_count(files) + 1, sizeof *list);
    for (size_t i = 0; i < json_count(files); i++) {
        list[e->file_count] = json_text(json_element(files, i));
        e->file_count += list[e->file_count] != NULL;
    }
    e->files = list;
    return ERR_OK;
}

/* An entry of that file's name, if it is one and nobody has it. */
static bool take(struct arena *a, const char *directory, const char *name,
                 struct web_entry *e, int *lock)
{
    struct err_info ignored = {0};
    size_t len = strlen(name);

    if (len != WEB_EDIT_ID_SIZE - 1 + strlen(SUFFIX) ||
        strcmp(name + WEB_EDIT_ID_SIZE - 1, SUFFIX) != 0)
        return false;
    *e = (struct web_entry){0};
    memcpy(e->id, name, WEB_EDIT_ID_SIZE - 1);
    char *path = path_of(a, directory, e->id);
    int fd = lock_entry(path);
    if (fd < 0)
        return false;
    enum err result = read_entry(a, path, e, &ignored);
    if (result != ERR_OK) {
        if (result == ERR_MALFORMED)
            (void)unlink(path); /* it was not complete, so nothing was changed */
        (void)close(fd);
        return false;
    }
    *lock = fd;
    return true;
}

bool web_journal_has_entries(const char *directory)
{
    AUTO(arena) struct arena *a = arena_new();
    DIR *d = opendir(file_path(a, directory, FOLDER));
    struct dirent *file;
    bool found = false;

    while (d != NULL && !found && (file = readdir(d)) != NULL)
        found = file->d_name[0] != '.';
    if (d != NULL)
        (void)closedir(d);
    return found;
}

enum err web_journal_next(struct arena *a, const char *directory, struct web_entry *e,
                          int *lock, struct err_info *why)
{
    char *folder = file_path(a, directory, FOLDER);
    DIR *d = opendir(folder);
    struct dirent *file;

    *lock = -1;
    if (d == NULL)
        return errno == ENOENT ? ERR_OK
                               : err_set_os(why, ERR_IO, errno, "cannot read %s", folder);
    sweep(folder);
    while (*lock < 0 && (file = readdir(d)) != NULL)
        (void)take(a, directory, file->d_name, e, lock);
    (void)closedir(d);
    return ERR_OK;
}
