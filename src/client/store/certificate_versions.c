/* Versions, read and switched; folders removed. */
#include "client/store/certificate_versions.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/store/metadata.h"
#include "core/base/file.h"
#include "core/base/file_tree.h"
#include "core/base/text.h"

#define GONE_SUFFIX ".gone"
#define NAME_ROOM   256 /* octets of a file's name, and the NUL */

static char *folder_of(struct arena *a, const char *directory, const char *name)
{
    return arena_printf(a, "%s/certificates/%s", directory, name);
}

char *certificate_versions_path(struct arena *a, const char *directory, const char *name,
                                uint64_t number)
{
    return arena_printf(a, "%s/versions/%llu", folder_of(a, directory, name),
                        (unsigned long long)number);
}

/* One whose metadata is there was written to its end. */
static bool is_whole(struct arena *a, const char *directory, const char *name,
                     uint64_t number)
{
    return file_exists(file_path(a, certificate_versions_path(a, directory, name, number),
                                 "metadata.json"));
}

static int compare(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x;
    uint64_t b = *(const uint64_t *)y;

    return a < b ? -1 : a > b;
}

/* What the link says: "versions/N". */
static uint64_t read_current(struct arena *a, const char *folder)
{
    static const char head[] = "versions/";
    char target[NAME_ROOM];
    uint64_t number = 0;
    ssize_t len = readlink(file_path(a, folder, "current"), target, sizeof target);

    if (len < (ssize_t)sizeof head || strncmp(target, head, sizeof head - 1) != 0 ||
        !text_number(span_make(target + sizeof head - 1, (size_t)len - (sizeof head - 1)),
                     UINT32_MAX, &number))
        return 0;
    return number;
}

enum err certificate_versions_read(struct arena *a, const char *directory,
                                   const char *name,
                                   struct certificate_versions *versions,
                                   struct err_info *why)
{
    char *folder = folder_of(a, directory, name);
    DIR *d = opendir(file_path(a, folder, "versions"));
    struct dirent *entry;
    size_t room = 16;
    size_t count = 0;

    if (d == NULL && errno == ENOENT)
        return err_set(why, ERR_NOT_FOUND, "there is no certificate \"%.200s\" in %s",
                       name, directory);
    if (d == NULL)
        return err_set_os(why, ERR_IO, errno, "cannot read %s/versions", folder);
    uint64_t *numbers = arena_array(a, room, sizeof *numbers);
    while ((entry = readdir(d)) != NULL) {
        uint64_t number = 0;
        if (!text_number(span_of(entry->d_name), UINT32_MAX, &number) ||
            !is_whole(a, directory, name, number))
            continue;
        if (count == room) {
            uint64_t *more = arena_array(a, room * 2, sizeof *more);
            memcpy(more, numbers, room * sizeof *more);
            numbers = more;
            room *= 2;
        }
        numbers[count++] = number;
    }
    (void)closedir(d);
    qsort(numbers, count, sizeof *numbers, compare);
    *versions = (struct certificate_versions){numbers, count, read_current(a, folder)};
    return ERR_OK;
}

enum err certificate_versions_switch(struct arena *a, const char *directory,
                                     const char *name, uint64_t number,
                                     struct err_info *why)
{
    char *folder = folder_of(a, directory, name);
    char *fresh = file_path(a, folder, ".current.new");

    if (!is_whole(a, directory, name, number))
        return err_set(why, ERR_NOT_FOUND, "there is no version %llu of %s",
                       (unsigned long long)number, name);
    (void)unlink(fresh);
    if (symlink(arena_printf(a, "versions/%llu", (unsigned long long)number), fresh) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot make %s", fresh);
    if (rename(fresh, file_path(a, folder, "current")) != 0) {
        int reason = errno;
        (void)unlink(fresh);
        return err_set_os(why, ERR_IO, reason, "cannot replace %s/current", folder);
    }
    return file_sync_directory(folder, why);
}

/* ---- what a version is ---- */

static char *metadata_path(struct arena *a, const char *directory, const char *name,
                           uint64_t number)
{
    return file_path(a, certificate_versions_path(a, directory, name, number),
                     "metadata.json");
}

enum err certificate_versions_get(struct arena *a, const char *directory,
                                  const char *name, uint64_t number,
                                  struct certificate_metadata *metadata,
                                  struct err_info *why)
{
    char *path = metadata_path(a, directory, name, number);
    struct span text;

    TRY(file_read(a, path, METADATA_MAX, &text, why));
    if (metadata_read(a, text, metadata, why) != ERR_OK)
        return err_prefix(why, "%s", path);
    return ERR_OK;
}

enum err certificate_versions_revoke(struct arena *a, const char *directory,
                                     const char *name, uint64_t number,
                                     struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(METADATA_MAX);
    char *path = metadata_path(a, directory, name, number);
    struct certificate_metadata m;

    TRY(certificate_versions_get(a, directory, name, number, &m, why));
    if (m.revoked)
        return ERR_OK;
    m.revoked = true;
    metadata_write(&text, &m);
    if (text.failed)
        return err_set(why, ERR_IO, "%s is too large", path);
    file_sweep(path); /* the certificate's lock is held */
    return file_replace(path, buf_span(&text), 0644, why);
}

/* ---- removal ---- */

/* What removals that were cut short have left, and this one. */
static enum err remove_gone(struct arena *a, const char *all, struct err_info *why)
{
    DIR *d = opendir(all);
    struct dirent *entry;
    enum err result = ERR_OK;

    if (d == NULL)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", all);
    while (result == ERR_OK && (entry = readdir(d)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' && len > sizeof GONE_SUFFIX &&
            strcmp(entry->d_name + len - (sizeof GONE_SUFFIX - 1), GONE_SUFFIX) == 0)
            result = file_tree_remove(file_path(a, all, entry->d_name), why);
    }
    (void)closedir(d);
    return result;
}

static char *gone_path(struct arena *a, const char *directory, const char *name)
{
    return arena_printf(a, "%s/certificates/.%s" GONE_SUFFIX, directory, name);
}

enum err certificate_versions_finish_removal(struct arena *a, const char *directory,
                                             const char *name, struct err_info *why)
{
    return file_tree_remove(gone_path(a, directory, name), why);
}

enum err certificate_versions_remove(struct arena *a, const char *directory,
                                     const char *name, struct err_info *why)
{
    char *all = file_path(a, directory, "certificates");
    char *gone = gone_path(a, directory, name);

    TRY(file_tree_remove(gone, why)); /* one of the same name, from before */
    if (rename(folder_of(a, directory, name), gone) != 0) {
        if (errno == ENOENT)
            return err_set(why, ERR_NOT_FOUND, "there is no certificate \"%.200s\" in %s",
                           name, directory);
        return err_set_os(why, ERR_IO, errno, "cannot rename %s",
                          folder_of(a, directory, name));
    }
    TRY(file_sync_directory(all, why));
    if (remove_gone(a, all, why) != ERR_OK)
        return err_prefix(why, "%s is removed, but not all of its files", name);
    return file_sync_directory(all, why);
}
