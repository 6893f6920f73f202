/* Provider "acme.sh:dns_NAME": a script of acme.sh's dnsapi, run as a program of its own
 * with the functions it expects (acmesh_shim.sh). Nothing of acme.sh is here: the script
 * is the one that is installed (Debian: package acme.sh). */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "client/dns/dns_program.h"
#include "client/settings/settings.h"
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "acmesh_shim.h"
#pragma GCC diagnostic pop

#define PREFIX    "acme.sh:"
#define FOLDER    "acme.sh" /* in the state folder: what scripts keep */
#define KEPT_MAX  65536
#define INPUT_MAX (KEPT_MAX + sizeof acmesh_shim + 64)

static const char *script_of(const struct settings_dns *dns)
{
    return dns->provider + strlen(PREFIX);
}

static enum err check(const struct settings_dns *dns, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *script = script_of(dns);
    const char *const *credentials = NULL;
    bool good = strncmp(script, "dns_", 4) == 0;

    for (const char *at = script; *at != '\0'; at++)
        good = good && (isalnum((unsigned char)*at) || *at == '_');
    if (!good)
        return err_set(why, ERR_CONFIG,
                       "dns.%s.provider: after %s comes the name of a script without "
                       ".sh, such as dns_cf, not \"%.50s\"",
                       dns->name, PREFIX, script);
    if (dns->credentials[0] == '\0')
        return ERR_OK;
    TRY(run_read_environment(a, dns_provider_option(a, dns, "credentials"),
                             dns->credentials, &credentials, why));
    for (size_t i = 0; credentials[i] != NULL; i++)
        memory_wipe((void *)(uintptr_t)credentials[i], strlen(credentials[i]));
    return ERR_OK;
}

static enum err find_script(struct arena *a, const struct settings_dns *dns,
                            const struct settings *s, const char **path,
                            struct err_info *why)
{
    *path = arena_printf(a, "%s/%s.sh", s->hooks_dnsapi, script_of(dns));
    if (access(*path, R_OK) == 0)
        return ERR_OK;
    return err_set(why, ERR_CONFIG,
                   "dns.%s.provider: there is no %s; install the package acme.sh, or say "
                   "with hooks.dnsapi where its scripts are",
                   dns->name, *path);
}

static enum err check_there(const struct settings_dns *dns, const struct settings *s,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *path = NULL;

    return find_script(a, dns, s, &path, why);
}

/* ---- what a script keeps ---- */

/* NULL: its name makes no file. */
static const char *kept_path(const struct dns_use *use)
{
    const char *name = use->dns->name;

    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return NULL;
    return arena_printf(use->arena, "%s/" FOLDER "/%s", use->directory, name);
}

/* "KEY BASE64", as the shim writes it: it goes between quotes of a shell. */
static bool is_kept_line(struct span line)
{
    size_t blanks = 0;

    for (size_t i = 0; i < line.len; i++) {
        blanks += line.data[i] == ' ';
        if (!isalnum(line.data[i]) && strchr("_.+/= ", line.data[i]) == NULL)
            return false;
    }
    return line.len > 0 && line.data[0] != ' ' && blanks == 1;
}

/* The good lines of `text`. */
static struct span only_kept_lines(struct arena *a, struct span text)
{
    AUTO(buf) struct buf b = buf_make(KEPT_MAX);

    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end != NULL ? (size_t)(end - text.data) - at : text.len - at;
        struct span line = span_slice(text, at, len);
        if (is_kept_line(line)) {
            buf_add_span(&b, line);
            buf_add_octet(&b, '\n');
        }
        at += len + 1;
    }
    return arena_span(a, buf_span(&b));
}

static struct span read_kept(const struct dns_use *use)
{
    const char *path = kept_path(use);
    struct err_info ignored = {0};
    struct span text;

    if (path == NULL || file_read(use->arena, path, KEPT_MAX, &text, &ignored) != ERR_OK)
        return span_of("");
    return only_kept_lines(use->arena, text);
}

/* What a script says that is to be kept is its own affair, but it has a form and a size.
 */
static enum err write_kept(const struct dns_use *use, struct span before,
                           struct span output, struct err_info *why)
{
    struct span kept = only_kept_lines(use->arena, output);
    const char *path = kept_path(use);

    if (path == NULL || span_equal(kept, before))
        return ERR_OK;
    TRY(file_make_directory(file_path(use->arena, use->directory, FOLDER), 0700, why));
    TRY(file_sync_directory(use->directory, why));
    return file_replace(path, kept, 0600, why);
}

/* ---- running it ---- */

static enum err act(const struct dns_use *use, const struct dns_task *task,
                    const char *verb, struct err_info *why)
{
    AUTO(buf) struct buf input = buf_make(INPUT_MAX);
    struct run_result result = {0};
    struct span kept = read_kept(use);
    const char *path = NULL;

    TRY(find_script(use->arena, use->dns, use->settings, &path, why));
    buf_printf(&input, "__kept='%.*s'\n", (int)kept.len, (const char *)kept.data);
    buf_add_text(&input, acmesh_shim);
    const char *const arguments[] = {
        "/bin/sh",           "-c", "eval \"$(cat)\"", "cairn",     verb,
        script_of(use->dns), path, task->owner,       task->value, NULL};
    const struct dns_program program = {.arguments = arguments,
                                        .called = script_of(use->dns),
                                        .folder_readable = use->settings->hooks_dnsapi,
                                        .input = buf_span(&input)};
    enum err code = dns_program_run(use, task, &program, ERR_VALIDATION, &result, why);
    if (code == ERR_OK)
        code = write_kept(use, kept, result.output, why);
    if (result.output.len > 0)
        memory_wipe((void *)(uintptr_t)result.output.data, result.output.len);
    if (input.len > 0)
        memory_wipe(input.data, input.len);
    return code;
}

static enum err add(const struct dns_use *use, struct dns_task *task,
                    struct err_info *why)
{
    return act(use, task, "add", why);
}

static enum err remove_record(const struct dns_use *use, const struct dns_task *task,
                              struct err_info *why)
{
    return act(use, task, "remove", why);
}

static void sweep(const struct dns_use *use, const struct dns_task *task)
{
    const char *path = kept_path(use);

    (void)task;
    if (path != NULL)
        file_sweep(path);
}

const struct dns_provider dns_provider_acmesh = {.name = PREFIX,
                                                 .check = check,
                                                 .check_there = check_there,
                                                 .add = add,
                                                 .remove = remove_record,
                                                 .sweep = sweep};
