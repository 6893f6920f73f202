/* Versions, switched by renaming a symbolic link. */
#include "client/store/certificate_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/store/metadata.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#define LAST_FILE "metadata.json" /* of a version: without it, it is not whole */

static char *folder_of(struct arena *a, const char *directory, const char *name)
{
    return arena_printf(a, "%s/certificates/%s", directory, name);
}

char *certificate_store_path(struct arena *a, const char *directory, const char *name)
{
    return arena_printf(a, "%s/current", folder_of(a, directory, name));
}

int64_t certificate_store_lifetime(const struct certificate_metadata *m)
{
    int64_t shortest = INT64_MAX;

    for (size_t i = 0; i < m->part_count; i++)
        if (m->parts[i].not_after - m->parts[i].not_before < shortest)
            shortest = m->parts[i].not_after - m->parts[i].not_before;
    return shortest;
}

/* ---- versions ---- */

struct versions {
    uint64_t *numbers;
    size_t count;
};

/* The next one; NULL at the end, and if errno is not 0 then, it is not all. */
static struct dirent *next_entry(DIR *d)
{
    errno = 0;
    return readdir(d);
}

/* The numbers of the versions of a folder, in no order. */
static enum err read_versions(struct arena *a, const char *folder, struct versions *v,
                              struct err_info *why)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    size_t room = 16;

    v->numbers = arena_array(a, room, sizeof *v->numbers);
    v->count = 0;
    if (d == NULL)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", folder);
    while ((entry = next_entry(d)) != NULL) {
        uint64_t number = 0;
        if (!text_number(span_of(entry->d_name), UINT32_MAX, &number))
            continue;
        if (v->count == room) {
            uint64_t *more = arena_array(a, room * 2, sizeof *more);
            memcpy(more, v->numbers, room * sizeof *more);
            v->numbers = more;
            room *= 2;
        }
        v->numbers[v->count++] = number;
    }
    int reason = errno;
    (void)closedir(d);
    return reason == 0 ? ERR_OK
                       : err_set_os(why, ERR_IO, reason, "cannot read %s", folder);
}

/* Whatever is in it. */
static void remove_version(struct arena *a, const char *folder, uint64_t number)
{
    char *version = arena_printf(a, "%s/%llu", folder, (unsigned long long)number);
    DIR *d = opendir(version);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlink(file_path(a, version, entry->d_name));
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(version);
}

/* Old ones, which nobody needs any more, and those that a crash left without their last
 * file: keys that were never in use. */
static void prune(struct arena *a, const char *folder, const struct versions *v,
                  uint64_t newest)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->numbers[i] + CERTIFICATE_STORE_VERSIONS <= newest ||
            !file_exists(arena_printf(a, "%s/%llu/" LAST_FILE, folder,
                                      (unsigned long long)v->numbers[i])))
            remove_version(a, folder, v->numbers[i]);
}

char *certificate_store_file(struct arena *a, const char *key_type, const char *file)
{
    return key_type[0] != '\0' ? arena_printf(a, "%s.%s", key_type, file)
                               : arena_string(a, file);
}

static enum err write_part(struct arena *a, const char *version, const char *key_type,
                           const struct certificate_files *f, struct err_info *why)
{
    AUTO(buf) struct buf whole = buf_make(f->certificate_pem.len + f->chain_pem.len);
    const struct {
        const char *name;
        struct span content;
        mode_t mode;
    } files[] = {
        {"key.pem", f->key_pem, 0600},
        {"cert.pem", f->certificate_pem, 0644},
        {"chain.pem", f->chain_pem, 0644},
    };

    buf_add_span(&whole, f->certificate_pem);
    buf_add_span(&whole, f->chain_pem);
    if (whole.failed)
        return err_set(why, ERR_IO, "the certificate is too large to be stored");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i].content.data != NULL) /* the key of a request is elsewhere */
            TRY(file_create(
                file_path(a, version, certificate_store_file(a, key_type, files[i].name)),
                files[i].content, files[i].mode, why));
    return file_create(
        file_path(a, version, certificate_store_file(a, key_type, "fullchain.pem")),
        buf_span(&whole), 0644, why);
}

static enum err write_version(struct arena *a, const char *version,
                              const struct certificate_metadata *metadata,
                              const struct certificate_files *files, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(METADATA_MAX);

    metadata_write(&text, metadata);
    if (text.failed)
        return err_set(why, ERR_IO, "the certificate is too large to be stored");
    for (size_t i = 0; i < metadata->part_count; i++)
        TRY(write_part(a, version, i == 0 ? "" : metadata->parts[i].key_type, &files[i],
                       why));
    TRY(file_create(file_path(a, version, LAST_FILE), buf_span(&text), 0644, why));
    return file_sync_directory(version, why);
}

/* The one step that makes it count. From then on the version must stay, even if the last
 * sync fails: `*switched` says so. */
static enum err switch_to(struct arena *a, const char *folder, uint64_t number,
                          bool *switched, struct err_info *why)
{
    char *target = arena_printf(a, "versions/%llu", (unsigned long long)number);
    char *fresh = file_path(a, folder, ".current.new");
    char *current = file_path(a, folder, "current");

    (void)unlink(fresh);
    if (symlink(target, fresh) != 0)
        return err_set_os(why, ERR_IO, errno, "cannot make %s", fresh);
    if (rename(fresh, current) != 0) {
        int reason = errno;
        (void)unlink(fresh);
        return err_set_os(why, ERR_IO, reason, "cannot replace %s", current);
    }
    *switched = true;
    return file_sync_directory(folder, why);
}

enum err certificate_store_put(struct arena *a, const char *directory, const char *name,
                               const struct certificate_metadata *metadata,
                               const struct certificate_files *files, const char **path,
                               struct err_info *why)
{
    char *folder = folder_of(a, directory, name);
    char *versions_folder = file_path(a, folder, "versions");
    struct versions versions;
    uint64_t number = 0;
    bool switched = false;

    TRY(file_make_directory(folder, 0700, why));
    TRY(file_make_directory(versions_folder, 0700, why));
    TRY(read_versions(a, versions_folder, &versions, why));
    for (size_t i = 0; i < versions.count; i++)
        if (versions.numbers[i] > number)
            number = versions.numbers[i];
    number++;
    char *version =
        arena_printf(a, "%s/%llu", versions_folder, (unsigned long long)number);
    TRY(file_make_directory(version, 0700, why));
    enum err result = write_version(a, version, metadata, files, why);
    if (result == ERR_OK)
        result = file_sync_directory(versions_folder, why);
    if (result == ERR_OK)
        result = switch_to(a, folder, number, &switched, why);
    if (result != ERR_OK) {
        if (!switched)
            remove_version(a, versions_folder, number);
        return result;
    }
    prune(a, versions_folder, &versions, number);
    *path = certificate_store_path(a, directory, name);
    return ERR_OK;
}

enum err certificate_store_get(struct arena *a, const char *directory, const char *name,
                               struct certificate_metadata *metadata,
                               struct err_info *why)
{
    char *path =
        file_path(a, certificate_store_path(a, directory, name), "metadata.json");
    struct span text;

    enum err result = file_read(a, path, METADATA_MAX, &text, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no certificate \"%.200s\" in %s",
                       name, directory);
    if (result != ERR_OK)
        return result;
    if (metadata_read(a, text, metadata, why) != ERR_OK)
        return err_prefix(why, "%s", path);
    return ERR_OK;
}

static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* A folder without a certificate is what an interrupted first issue leaves. In one that
 * cannot be read there may be one: who leaves it out would let it expire. */
static bool may_have_certificate(struct arena *a, const char *directory, const char *name)
{
    struct stat about;
    char *path =
        file_path(a, certificate_store_path(a, directory, name), "metadata.json");

    return lstat(path, &about) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

enum err certificate_store_list(struct arena *a, const char *directory,
                                const char *const **names, size_t *count,
                                struct err_info *why)
{
    char *folder = file_path(a, directory, "certificates");
    DIR *d = opendir(folder);
    struct dirent *entry;
    size_t room = 64;
    size_t used = 0;

    *count = 0;
    if (d == NULL && errno == ENOENT)
        return ERR_OK;
    if (d == NULL)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", folder);
    const char **list = arena_array(a, room, sizeof *list);
    while ((entry = next_entry(d)) != NULL && used < CERTIFICATE_STORE_MAX) {
        if (!settings_is_certificate_name(entry->d_name) ||
            !may_have_certificate(a, directory, entry->d_name))
            continue;
        if (used == room) {
            const char **more = arena_array(a, room * 2, sizeof *more);
            memcpy(more, list, room * sizeof *more);
            list = more;
            room *= 2;
        }
        list[used++] = arena_string(a, entry->d_name);
    }
    int reason = entry == NULL ? errno : 0;
    (void)closedir(d);
    if (reason != 0)
        return err_set_os(why, ERR_IO, reason, "cannot read %s", folder);
    qsort(list, used, sizeof *list, compare);
    *names = list;
    *count = used;
    return ERR_OK;
}
