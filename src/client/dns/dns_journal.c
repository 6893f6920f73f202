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
#define ENTRY_MAX 65536 /* octets of a file */
#define HASH_USED 16    /* octets of a hash in a file's name */
#define TEXT_MAX  8192  /* octets that are hashed */

/* The same record of the same provider has the same file, however often it is added. */
static char *path_of(struct arena *a, const char *directory, const struct dns_entry *e)
{
    AUTO(buf) struct buf b = buf_make(TEXT_MAX);
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * HASH_USED + 1];

    buf_printf(&b, "%s %s %s %s %s", e->task.name, e->task.value, e->task.primary,
               e->dns.provider, e->dns.name);
    hash_sha256(buf_span(&b), digest);
    text_hex(hex, digest, HASH_USED);
    return arena_printf(a, "%s/" FOLDER "/%s" SUFFIX, directory, hex);
}

/* ---- writing ---- */

#define WRITE_TEXT     json_write_text
#define WRITE_DURATION json_write_number
#define WRITE_NUMBER   json_write_number

static void write_dns(struct json_writer *w, const struct settings_dns *dns)
{
    json_write_begin_object(w, "dns");
    json_write_text(w, "name", dns->name);
#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    WRITE_##kind(w, path, dns->member);
#include "client/settings/dns_options.def"
#undef OPTION
    json_write_end_object(w);
}

static void write_task(struct json_writer *w, const struct dns_task *t)
{
    json_write_begin_object(w, "task");
    json_write_text(w, "name", t->name);
    json_write_text(w, "value", t->value);
    json_write_text(w, "owner", t->owner);
    json_write_text(w, "zone", t->zone);
    json_write_text(w, "primary", t->primary);
    json_write_text(w, "domain", t->domain);
    json_write_bool(w, "wildcard", t->wildcard);
    json_write_text(w, "token", t->token);
    json_write_text(w, "key_authorization", t->key_authorization);
    json_write_text(w, "note", t->note);
    json_write_end_object(w);
}

void dns_journal_write(struct buf *b, const struct dns_entry *e)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    write_dns(&w, &e->dns);
    write_task(&w, &e->task);
    json_write_end_object(&w);
    buf_add_text(b, "\n");
}

enum err dns_journal_add(struct arena *a, const char *directory,
                         const struct dns_entry *e, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(ENTRY_MAX);
    char *folder = file_path(a, directory, FOLDER);

    dns_journal_write(&b, e);
    if (b.failed)
        return err_set(why, ERR_IO, "the record %s is too large to be written down",
                       e->task.name);
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

/* ---- reading ---- */

/* A member that an older cairn did not write is empty. */
static enum err take(const struct json *object, const char *name, const char **text,
                     struct err_info *why)
{
    const char *read = NULL;

    TRY(json_take_text(object, name, &read, why));
    *text = read != NULL ? read : "";
    return ERR_OK;
}

static enum err take_number(const struct json *object, const char *name, int64_t *number,
                            struct err_info *why)
{
    return json_take_number(object, name, 0, number, why);
}

#define READ_TEXT     take
#define READ_DURATION take_number
#define READ_NUMBER   take_number

static enum err read_dns(const struct json *object, struct settings_dns *dns,
                         struct err_info *why)
{
    TRY(take(object, "name", &dns->name, why));
#define OPTION(path, kind, member, fallback, least, most, sentence)                      \
    TRY(READ_##kind(object, path, &dns->member, why));
#include "client/settings/dns_options.def"
#undef OPTION
    return ERR_OK;
}

static enum err read_task(const struct json *object, struct dns_task *t,
                          struct err_info *why)
{
    TRY(json_need_text(object, "name", &t->name, why));
    TRY(json_need_text(object, "value", &t->value, why));
    TRY(json_need_text(object, "owner", &t->owner, why));
    TRY(take(object, "zone", &t->zone, why));
    TRY(take(object, "primary", &t->primary, why));
    TRY(take(object, "domain", &t->domain, why));
    TRY(json_take_bool(object, "wildcard", false, &t->wildcard, why));
    TRY(take(object, "token", &t->token, why));
    TRY(take(object, "key_authorization", &t->key_authorization, why));
    return take(object, "note", &t->note, why);
}

enum err dns_journal_read(struct arena *a, struct span text, struct dns_entry *e,
                          struct err_info *why)
{
    const struct json *object = NULL;

    TRY(json_read(a, text, &object, why));
    TRY(read_dns(json_member(object, "dns"), &e->dns, why));
    return read_task(json_member(object, "task"), &e->task, why);
}

static enum err read_entry(struct arena *a, const char *path, struct dns_entry *e,
                           struct err_info *why)
{
    struct span text;

    TRY(file_read(a, path, ENTRY_MAX, &text, why));
    return dns_journal_read(a, text, e, why);
}

static bool is_entry(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > strlen(SUFFIX) &&
           strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* What file_replace was killed at counts, too: dns_journal_sweep removes it. */
bool dns_journal_has_entries(const char *directory)
{
    AUTO(arena) struct arena *a = arena_new();
    DIR *d = opendir(file_path(a, directory, FOLDER));
    struct dirent *file;
    bool found = false;

    while (d != NULL && !found && (file = readdir(d)) != NULL)
        found = is_entry(file->d_name) || strstr(file->d_name, SUFFIX ".") != NULL;
    if (d != NULL)
        (void)closedir(d);
    return found;
}

void dns_journal_sweep(struct arena *a, const char *directory)
{
    file_sweep_folder(file_path(a, directory, FOLDER));
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
