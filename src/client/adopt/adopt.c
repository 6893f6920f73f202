/* The clients, and what their readers share. */
#include "client/adopt/adopt.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#define SENTENCE_MAX 1024 /* octets */
#define MEMBER_MAX   CONFIG_NAME_MAX

struct adopter {
    const char *name;
    enum err (*read)(struct adopt *found, struct err_info *why);
    const char *folders;
};

static const struct adopter adopters[] = {
#define ADOPTER(name, function, folders, sentence) {name, function, folders},
#include "client/adopt/adopters.def"
#undef ADOPTER
};

const char *const *adopt_clients(void)
{
    static const char *const names[] = {
#define ADOPTER(name, function, folders, sentence) name,
#include "client/adopt/adopters.def"
#undef ADOPTER
        NULL};

    return names;
}

/* The first of the folders, with blanks between them, that is there. */
static const char *default_folder(struct arena *a, const char *folders)
{
    const char *home = getenv("HOME");

    for (const char *at = folders; *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        const char *path = arena_string_of(a, span_make(at, len));
        at += len;
        if (path[0] == '~' && (home == NULL || home[0] != '/'))
            continue;
        if (path[0] == '~')
            path = arena_printf(a, "%s%s", home, path + 1);
        if (file_exists(path))
            return path;
    }
    return NULL;
}

enum err adopt_read(struct arena *a, const char *from, const char *folder,
                    struct adopt *found, struct err_info *why)
{
    const struct adopter *adopter = NULL;

    for (size_t i = 0; i < sizeof adopters / sizeof adopters[0]; i++)
        if (strcmp(adopters[i].name, from) == 0)
            adopter = &adopters[i];
    if (adopter == NULL)
        return err_set(why, ERR_USAGE,
                       "\"%.100s\" is none of certbot, acme.sh, lego, dehydrated and "
                       "uacme",
                       from);
    found->arena = a;
    found->from = adopter->name;
    found->folder = folder != NULL ? adopt_whole_path(a, folder)
                                   : default_folder(a, adopter->folders);
    if (found->folder == NULL)
        return err_set(why, ERR_NOT_FOUND,
                       "there is nothing of %s in %s; say the FOLDER where it keeps its "
                       "files",
                       from, adopter->folders);
    if (!file_exists(found->folder))
        return err_set(why, ERR_NOT_FOUND, "there is no folder %s", found->folder);
    return adopter->read(found, why);
}

/* Room for one more element of a list that doubles at powers of two. */
static void *grow(struct arena *a, void *items, size_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return items;
    void *more = arena_array(a, count > 0 ? 2 * count : 1, size);
    if (count > 0)
        memcpy(more, items, count * size);
    return more;
}

static void remark(struct adopt *found, const char *subject, const char *format,
                   va_list values) __attribute__((format(printf, 3, 0)));

static void remark(struct adopt *found, const char *subject, const char *format,
                   va_list values)
{
    char text[SENTENCE_MAX];

    (void)vsnprintf(text, sizeof text, format, values);
    found->remarks =
        grow(found->arena, found->remarks, found->remark_count, sizeof *found->remarks);
    found->remarks[found->remark_count++] =
        (struct adopt_remark){.subject = arena_string(found->arena, subject),
                              .text = arena_string(found->arena, text)};
}

void adopt_remark(struct adopt *found, const char *subject, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    remark(found, subject, format, values);
    va_end(values);
}

void adopt_skip(struct adopt *found, const char *subject, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    remark(found, subject, format, values);
    va_end(values);
    found->skipped++;
}

/* ---- accounts ---- */

void adopt_account_key(struct adopt *found, const char *ca, const char *url,
                       const char *email, struct key *key, const char *key_file)
{
    struct arena *a = found->arena;

    for (size_t i = 0; i < found->account_count; i++) {
        const struct adopt_account *other = &found->accounts[i];
        if (strcmp(other->ca, ca) != 0)
            continue;
        if (!key_equal(other->key, key))
            adopt_skip(found, key_file,
                       "a second account at %s, which is not taken over: cairn has one "
                       "for each CA",
                       ca);
        return;
    }
    found->accounts =
        grow(a, found->accounts, found->account_count, sizeof *found->accounts);
    found->accounts[found->account_count++] = (struct adopt_account){
        .ca = arena_string(a, ca),
        .url = url != NULL && url[0] != '\0' ? arena_string(a, url) : NULL,
        .email = email != NULL && email[0] != '\0' ? arena_string(a, email) : NULL,
        .key = key,
        .file = arena_string(a, key_file)};
}

void adopt_account_pem(struct adopt *found, const char *ca, const char *url,
                       const char *email, const char *key_file)
{
    struct err_info why = {0};
    struct key *key = NULL;
    struct span pem;

    enum err result = file_read(found->arena, key_file, KEY_PEM_MAX, &pem, &why);
    if (result == ERR_OK) {
        result = key_from_pem(pem, NULL, &key, &why);
        memory_wipe((void *)(uintptr_t)pem.data, pem.len);
    }
    if (result != ERR_OK) {
        adopt_skip(found, key_file, "the account's key cannot be used: %s", why.detail);
        return;
    }
    arena_own(found->arena, key, key_drop);
    adopt_account_key(found, ca, url, email, key, key_file);
}

/* ---- certificates ---- */

const char *adopt_member_name(struct arena *a, const char *text)
{
    char name[MEMBER_MAX + 1];
    size_t len = 0;

    for (const char *p = text; *p != '\0' && len < MEMBER_MAX; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain)
            name[len++] = c;
        else if (len > 0 && name[len - 1] != '-')
            name[len++] = '-';
    }
    while (len > 0 && name[len - 1] == '-')
        len--;
    name[len] = '\0';
    return len > 0 ? arena_string(a, name) : "adopted";
}

/* What the CA is called in settings: known by that URL already, or after its host. */
static const char *name_ca(struct adopt *found, struct settings *s, const char *url)
{
    struct err_info why = {0};

    for (size_t i = 0; i < s->cas.count; i++) {
        const struct settings_ca *known = s->cas.members[i];
        if (strcmp(known->directory, url) == 0)
            return known->name;
    }
    const char *host = strstr(url, "://");
    const char *name = adopt_member_name(found->arena, host != NULL ? host + 3 : url);
    const char *ca_file = found->ca_file != NULL ? found->ca_file : "";
    if (config_set(found->arena, &settings_table,
                   arena_printf(found->arena, "cas.%s.directory=%s", name, url), s,
                   &why) != ERR_OK ||
        config_set(found->arena, &settings_table,
                   arena_printf(found->arena, "cas.%s.ca_file=%s", name, ca_file), s,
                   &why) != ERR_OK) {
        adopt_skip(found, url, "this CA cannot be named in settings: %s", why.detail);
        return NULL;
    }
    return name;
}

/* As certificates are called here: an asterisk becomes a low line, as lego has it, too.
 */
static const char *certificate_name(struct arena *a, const char *text)
{
    char *name = arena_string(a, text);

    for (char *p = name; *p != '\0'; p++)
        if (!settings_is_certificate_name_letter(*p))
            *p = *p == ':' ? '-' : '_';
    if (name[0] == '.')
        name[0] = '_';
    if (strlen(name) > SETTINGS_CERTIFICATE_NAME_MAX)
        name[SETTINGS_CERTIFICATE_NAME_MAX] = '\0';
    return name;
}

struct adopt_certificate *adopt_certificate_add(struct adopt *found, const char *name,
                                                const char *file, const char *ca)
{
    struct arena *a = found->arena;
    struct adopt_certificate *c = arena_get(a, sizeof *c);
    struct err_info why = {0};

    *c = (struct adopt_certificate){.name = certificate_name(a, name),
                                    .file = arena_string(a, file)};
    if (settings_defaults(a, &c->settings, &why) != ERR_OK) {
        adopt_skip(found, file, "not taken over: %s", why.detail);
        return NULL;
    }
    const char *ca_name = name_ca(found, &c->settings, ca);
    if (ca_name == NULL)
        return NULL;
    for (size_t i = 0; i < found->certificate_count; i++)
        if (strcmp(found->certificates[i]->name, c->name) == 0)
            c->name = arena_printf(a, "%s-%zu", c->name, found->certificate_count + 1);
    c->want = arena_copy(a, &c->settings.defaults, sizeof *c->want);
    c->want->name = c->name;
    adopt_list_add(found, &c->want->cas, ca_name);
    c->settings.certificates.members = arena_array(a, 1, sizeof(void *));
    c->settings.certificates.members[0] = c->want;
    c->settings.certificates.count = 1;
    found->certificates = grow(a, found->certificates, found->certificate_count,
                               sizeof *found->certificates);
    found->certificates[found->certificate_count++] = c;
    return c;
}

void adopt_set(struct adopt *found, struct adopt_certificate *c, const char *path,
               const char *value)
{
    struct err_info why = {0};

    if (config_set(found->arena, &settings_table,
                   arena_printf(found->arena, "%s=%s", path, value), &c->settings,
                   &why) != ERR_OK)
        adopt_remark(found, c->file, "%s is not taken over: %s", value, why.detail);
}

void adopt_list_add(struct adopt *found, struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return;
    const char **more = arena_array(found->arena, list->count + 1, sizeof *more);
    for (size_t i = 0; i < list->count; i++)
        more[i] = list->items[i];
    more[list->count] = arena_string(found->arena, text);
    *list = (struct config_list){.items = more, .count = list->count + 1};
}

const char *adopt_join_commands(struct adopt *found, const char *first,
                                const char *second)
{
    if (first == NULL || first[0] == '\0')
        return second != NULL ? second : "";
    if (second == NULL || second[0] == '\0')
        return first;
    return arena_printf(found->arena, "%s && %s", first, second);
}

/* ---- credentials ---- */

const char *adopt_secret_add(struct adopt *found, const char *name, struct span content)
{
    struct arena *a = found->arena;
    const char *unique = name;

    for (size_t i = 0; i < found->secret_count; i++) {
        if (strcmp(found->secrets[i].name, unique) != 0)
            continue;
        if (span_equal(found->secrets[i].content, content))
            return arena_printf(a, "%s/credentials/%s", found->state, unique);
        unique = arena_printf(a, "%s-%zu", name, found->secret_count + 1);
    }
    found->secrets = grow(a, found->secrets, found->secret_count, sizeof *found->secrets);
    found->secrets[found->secret_count++] = (struct adopt_secret){
        .name = arena_string(a, unique), .content = arena_span(a, content)};
    return arena_printf(a, "%s/credentials/%s", found->state, unique);
}

/* ---- texts and folders ---- */

const char *adopt_whole_path(struct arena *a, const char *path)
{
    char here[PATH_MAX];

    if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
        return path;
    if (path[0] == '.' && (path[1] == '\0' || path[1] == '/'))
        path += strspn(path + 1, "/") + 1;
    return path[0] == '\0' ? arena_string(a, here) : file_path(a, here, path);
}

static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void adopt_list_folder(struct arena *a, const char *folder, const char *const **names,
                       size_t *count)
{
    DIR *d = opendir(folder);
    const char **list = NULL;
    struct dirent *entry;
    size_t used = 0;

    while (d != NULL && used < ADOPT_FOLDERS_MAX && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        list = grow(a, list, used, sizeof *list);
        list[used++] = arena_string(a, entry->d_name);
    }
    if (d != NULL)
        (void)closedir(d);
    if (used > 0)
        qsort(list, used, sizeof *list, compare);
    *names = list;
    *count = used;
}
