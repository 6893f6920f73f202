/* The files of the journal. */
#include "client/dns/dns_journal.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define FOLDER    "dns-01"
#define SUFFIX    ".json"
#define ENTRY_MAX 16384 /* octets of a file */
#define HASH_USED 16    /* octets of a hash in a file's name */
#define TEXT_MAX  4096  /* octets that are hashed */

/* The same record has the same file, however often it is added. */
static char *path_of(struct arena *a, const char *directory, const struct dns_entry *e)
{
    AUTO(buf) struct buf b = buf_make(TEXT_MAX);
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * HASH_USED + 1];

    buf_printf(&b, "%s %s %s", e->owner, e->value, e->servers);
    hash_sha256(buf_span(&b), digest);
    text_hex(hex, digest, HASH_USED);
    return arena_printf(a, "%s/" FOLDER "/%s" SUFFIX, directory, hex);
}

enum err dns_journal_add(struct arena *a, const char *directory,
                         const struct dns_entry *e, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ENTRY_MAX);
    struct json_writer w = json_writer_make(&b);
    char *folder = file_path(a, directory, FOLDER);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "owner", e->owner);
    json_write_text(&w, "zone", e->zone);
    json_write_text(&w, "servers", e->servers);
    json_write_text(&w, "value", e->value);
    json_write_text(&w, "key_file", e->key_file);
    json_write_end_object(&w);
    buf_add_text(&b, "\n");
    if (b.failed)
        return err_set(why, ERR_IO, "the record %s is too large to be written down",
                       e->owner);
    TRY(file_make_directory(folder, 0700, why));
    TRY(file_sync_directory(directory, why));
    return file_replace(path_of(a, directory, e), buf_span(&b), 0600, why);
}

enum err dns_journal_remove(struct arena *a, const char *directory,
                            const struct dns_entry *e, struct err_info *why)
{
    char *path = path_of(a, directory, e);

    if (unlink(path) != 0 && errno != ENOENT)
        return err_set_os(why, ERR_IO, errno, "cannot remove %s", path);
    return file_sync_directory(file_path(a, directory, FOLDER), why);
}

static enum err read_entry(struct arena *a, const char *path, struct dns_entry *e,
                           struct err_info *why)
{
    const struct json *object = NULL;
    struct span text;

    TRY(file_read(a, path, ENTRY_MAX, &text, why));
    TRY(json_read(a, text, &object, why));
    TRY(json_need_text(object, "owner", &e->owner, why));
    TRY(json_need_text(object, "zone", &e->zone, why));
    TRY(json_need_text(object, "servers", &e->servers, why));
    TRY(json_need_text(object, "value", &e->value, why));
    return json_need_text(object, "key_file", &e->key_file, why);
}

static bool is_entry(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > strlen(SUFFIX) &&
           strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

bool dns_journal_has_entries(const char *directory)
{
    AUTO(arena) struct arena *a = arena_new();
    DIR *d = opendir(file_path(a, directory, FOLDER));
    struct dirent *file;
    bool found = false;

    while (d != NULL && !found && (file = readdir(d)) != NULL)
        found = is_entry(file->d_name);
    if (d != NULL)
        (void)closedir(d);
    return found;
}

enum err dns_journal_list(struct arena *a, const char *directory,
                          const struct dns_entry **entries, size_t *count,
                          size_t *damaged, struct err_info *why)
{
    char *folder = file_path(a, directory, FOLDER);
    DIR *d = opendir(folder);
    struct dirent *file;
    size_t room = 16;
    size_t used = 0;
    size_t bad = 0;

    struct dns_entry *list = arena_array(a, room, sizeof *list);
    if (d == NULL && errno != ENOENT)
        return err_set_os(why, ERR_IO, errno, "cannot read %s", folder);
    while (d != NULL && used < DNS_JOURNAL_MAX && (file = readdir(d)) != NULL) {
        struct err_info ignored = {0};
        if (!is_entry(file->d_name))
            continue;
        if (used == room) {
            struct dns_entry *more = arena_array(a, room * 2, sizeof *more);
            memcpy(more, list, room * sizeof *more);
            list = more;
            room *= 2;
        }
        if (read_entry(a, file_path(a, folder, file->d_name), &list[used], &ignored) ==
            ERR_OK)
            used++;
        else
            bad++;
    }
    if (d != NULL)
        (void)closedir(d);
    *entries = list;
    *count = used;
    *damaged = bad;
    return ERR_OK;
}
