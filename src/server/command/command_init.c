/* cairn-ca init: a new CA in a folder. Nothing that is there is ever overwritten. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/json/json_write.h"
#include "server/command/command.h"
#include "server/command/passphrase.h"
#include "server/issue/hierarchy.h"
#include "server/settings/settings.h"

#define ROOT_KEY_FILE  "root.key"
#define SETTINGS_MAX   (64 * 1024) /* octets of the file written */
#define NAME_MAX_CHARS 40 /* leaves room for " Intermediate" in 64 (RFC 5280 A.1) */

/* A list as --set takes it, so no element may look like two. */
static enum err join(struct arena *a, const char *option, const struct cli_list *list,
                     const char **set, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(SETTINGS_MAX);

    buf_printf(&b, "%s=", option);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i][0] == '\0' || strpbrk(list->items[i], " ,") != NULL)
            return err_set(why, ERR_USAGE, "%s: \"%.100s\" is not one of them", option,
                           list->items[i]);
        buf_printf(&b, "%s%s", i > 0 ? "," : "", list->items[i]);
    }
    *set = arena_string_of(a, buf_span(&b));
    return ERR_OK;
}

/* The option of the configuration is relative to the CA's folder, that of the command
 * line to where we are. */
static enum err passphrase_set(struct arena *a, const char *file, const char **set,
                               struct err_info *why)
{
    bool credential = strncmp(file, "credential:", strlen("credential:")) == 0;
    char *real = credential ? NULL : realpath(file, NULL);

    if (!credential && real == NULL)
        return err_set_os(why, ERR_CONFIG, errno, "--passphrase-file \"%s\"", file);
    *set = arena_printf(a, "files.passphrase=%s", credential ? file : real);
    free(real);
    return ERR_OK;
}

/* The settings of the new CA: defaults, then the short options, then --set. */
static enum err make_settings(const struct command_line *line, struct settings **settings,
                              struct err_info *why)
{
    struct arena *a = line->arena;
    const char *sets[CLI_LIST_MAX + 4];
    size_t count = 0;

    if (line->name != NULL)
        sets[count++] = arena_printf(a, "name=%s", line->name);
    if (line->dns_names.count > 0)
        TRY(join(a, "dns_names", &line->dns_names, &sets[count++], why));
    if (line->listens.count > 0)
        TRY(join(a, "listen", &line->listens, &sets[count++], why));
    if (line->passphrase_file != NULL)
        TRY(passphrase_set(a, line->passphrase_file, &sets[count++], why));
    for (size_t i = 0; i < line->sets.count; i++)
        sets[count++] = line->sets.items[i];
    TRY(settings_defaults(a, line->directory, sets, count, settings, why));
    if (strlen((*settings)->name) > NAME_MAX_CHARS || (*settings)->name[0] == '\0')
        return err_set(why, ERR_USAGE, "the name of the CA must have 1 to %d octets",
                       NAME_MAX_CHARS);
    return ERR_OK;
}

struct output {
    const char *name;
    struct span content;
    mode_t mode;
};

/* Look first, so that a folder that is in use is left exactly as it is. */
static enum err refuse_existing(const struct settings *s, struct arena *a,
                                const struct output *outputs, size_t count,
                                struct err_info *why)
{
    for (size_t i = 0; i < count; i++) {
        char *path = settings_path(a, s, outputs[i].name);
        if (!file_exists(path))
            continue;
        if (!file_exists(settings_path(a, s, SETTINGS_FILE)))
            return err_set(why, ERR_EXISTS,
                           "%s is there already, but not %s: an earlier init was "
                           "interrupted. Remove what it left, or choose another folder; "
                           "nothing was changed",
                           path, SETTINGS_FILE);
        return err_set(why, ERR_EXISTS,
                       "%s is there already; nothing was changed. Choose another folder",
                       path);
    }
    return ERR_OK;
}

static void print_json(const struct settings *s, const struct hierarchy *h)
{
    AUTO(buf) struct buf b = buf_make(SETTINGS_MAX);
    AUTO(arena) struct arena *a = arena_new();
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "directory", arena_printf(a, "%s/acme/directory", s->base));
    json_write_text(&w, "root", settings_path(a, s, s->root_file));
    json_write_text(&w, "root_fingerprint", h->root_fingerprint);
    json_write_time(&w, "root_not_after", h->root_not_after);
    json_write_time(&w, "intermediate_not_after", h->intermediate_not_after);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

static void print_text(const struct settings *s, const struct hierarchy *h)
{
    char root_until[CLOCK_TEXT_SIZE];
    char intermediate_until[CLOCK_TEXT_SIZE];

    clock_text(root_until, h->root_not_after);
    clock_text(intermediate_until, h->intermediate_not_after);
    printf("made the CA \"%s\" in %s\n", s->name, s->directory);
    printf("  %-18s root certificate (ECDSA P-384), until %.10s\n", s->root_file,
           root_until);
    printf("  %-18s its key: move it to a safe place, it is not needed to serve\n",
           ROOT_KEY_FILE);
    printf("  %-18s issuing certificate (ECDSA P-256), until %.10s\n",
           s->intermediate_file, intermediate_until);
    printf("  %-18s its key\n", s->intermediate_key_file);
    printf("  %-18s every setting, with what it means\n", SETTINGS_FILE);
    printf("\nSHA-256 of the root: %s\n", h->root_fingerprint);
    printf("\nNext:\n"
           "  1. Have your machines trust %s/%s, for instance on Debian:\n"
           "       cp %s/%s /usr/local/share/ca-certificates/cairn-root.crt\n"
           "       update-ca-certificates\n"
           "  2. Serve:  cairn-ca serve --dir %s\n"
           "  3. The directory for clients is %s/acme/directory\n",
           s->directory, s->root_file, s->directory, s->root_file, s->directory, s->base);
}

/* All or nothing: what was made before the one that failed is removed again, the settings
 * first, without which nothing is served. */
static enum err create_all(const struct settings *s, struct arena *a,
                           const struct output *outputs, size_t count,
                           struct err_info *why)
{
    enum err result = ERR_OK;
    size_t made = 0;

    while (made < count && result == ERR_OK) {
        result = file_create(settings_path(a, s, outputs[made].name),
                             outputs[made].content, outputs[made].mode, why);
        made += result != ERR_EXISTS;
    }
    while (result != ERR_OK && made > 0)
        (void)unlink(settings_path(a, s, outputs[--made].name));
    return result;
}

static enum err write_all(const struct settings *s, struct arena *a,
                          const struct hierarchy *h, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(SETTINGS_MAX);

    settings_write(&text, s);
    const struct output outputs[] = {
        {ROOT_KEY_FILE, span_make(h->root_key_pem.data, h->root_key_pem.len), 0600},
        {s->intermediate_key_file,
         span_make(h->intermediate_key_pem.data, h->intermediate_key_pem.len), 0600},
        {s->root_file, h->root_pem, 0644},
        {s->intermediate_file, h->intermediate_pem, 0644},
        {SETTINGS_FILE, buf_span(&text), 0644}, /* last: with it the CA is complete */
    };
    size_t count = sizeof outputs / sizeof outputs[0];
    TRY(refuse_existing(s, a, outputs, count, why));
    if (file_exists(settings_path(a, s, s->store_file)))
        return err_set(why, ERR_EXISTS, "%s is there already; nothing was changed",
                       settings_path(a, s, s->store_file));
    bool fresh = !file_exists(s->directory);
    enum err result = file_make_directory(s->directory, 0711, why);
    if (result == ERR_OK)
        result = create_all(s, a, outputs, count, why);
    if (result != ERR_OK && fresh)
        (void)rmdir(s->directory);
    return result;
}

enum err command_init(const struct command_line *line, struct err_info *why)
{
    AUTO(hierarchy) struct hierarchy h = {0};
    AUTO(secret) struct secret passphrase = {0};
    struct settings *s = NULL;

    TRY(make_settings(line, &s, why));
    TRY(passphrase_read(line->arena, s, &passphrase, why));
    TRY(hierarchy_make(line->arena, s->name, clock_now(),
                       passphrase.len > 0 ? &passphrase : NULL, &h, why));
    TRY(write_all(s, line->arena, &h, why));
    if (line->json)
        print_json(s, &h);
    else
        print_text(s, &h);
    return ERR_OK;
}
