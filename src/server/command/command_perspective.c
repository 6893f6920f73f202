/* cairn-ca perspective init, serve, check-config: on the perspective's own host. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/json/json_write.h"
#include "server/command/command.h"
#include "server/command/command_perspective.h"
#include "server/command/command_serve.h"
#include "server/perspective/perspective_key.h"
#include "server/settings/settings_host.h"
#include "server/settings/settings_perspective.h"

#define FILE_MAX   (64 * 1024) /* octets of the file written */
#define OUTPUT_MAX (16 * 1024)

/* ---- init ---- */

static const char *join(struct arena *a, const char *option, const struct cli_list *list)
{
    const char *text = arena_printf(a, "%s=", option);

    for (size_t i = 0; i < list->count; i++)
        text = arena_printf(a, "%s%s%s", text, i > 0 ? "," : "", list->items[i]);
    return text;
}

static enum err make_settings(const struct command_line *line, struct settings **settings,
                              struct err_info *why)
{
    struct arena *a = line->arena;
    const char *sets[CLI_LIST_MAX + 4];
    size_t count = 0;

    if (line->perspective == NULL || line->region == NULL)
        return err_set(why, ERR_USAGE, "%s is missing",
                       line->perspective == NULL ? "--name" : "--region");
    if (line->cas.count == 0)
        return err_set(why, ERR_USAGE,
                       "--ca is missing: the key of the CA, which cairn-ca perspective "
                       "list shows there");
    sets[count++] = arena_printf(a, "name=%s", line->perspective);
    sets[count++] = arena_printf(a, "region=%s", line->region);
    sets[count++] = join(a, "ca", &line->cas);
    if (line->doors.count > 0)
        sets[count++] = join(a, "listen", &line->doors);
    for (size_t i = 0; i < line->sets.count; i++)
        sets[count++] = line->sets.items[i];
    TRY(settings_host_defaults(a, line->directory, sets, count, settings, why));
    return ERR_OK;
}

void command_perspective_warn(const char *region)
{
    if (!settings_perspective_region_is_known(region))
        fprintf(stderr,
                "cairn-ca: note: \"%s\" is no regional Internet registry (arin, ripe, "
                "apnic, lacnic, afrinic); the Baseline Requirements count those\n",
                region);
}

/* What to run on the CA; the host is left to whoever knows its name there. */
static const char *enrolment(struct arena *a, const struct settings *s,
                             const uint8_t *pin)
{
    const char *port = strrchr(s->host.listens.items[0], ':');

    return arena_printf(a,
                        "cairn-ca perspective add --dir DIR --name %s --region %s "
                        "--address HOST%s --key %s",
                        s->host.name, s->host.region, port,
                        settings_perspective_pin_text(a, pin));
}

static void print_made(const struct command_line *line, const struct settings *s,
                       const uint8_t *pin)
{
    struct arena *a = line->arena;
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    if (!line->json) {
        printf("made the perspective \"%s\" in %s\n"
               "  %-24s its key, and\n  %-24s the certificate around it\n"
               "  %-24s every setting, with what it means\n\nNext:\n"
               "  1. Serve:  cairn-ca perspective serve --dir %s\n"
               "  2. On the CA, with its folder as DIR and this host's name as HOST:\n"
               "       %s\n",
               s->host.name, line->directory, PERSPECTIVE_KEY_FILE,
               PERSPECTIVE_CERTIFICATE_FILE, SETTINGS_HOST_FILE, line->directory,
               enrolment(a, s, pin));
        return;
    }
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", s->host.name);
    json_write_text(&w, "region", s->host.region);
    json_write_text(&w, "key", settings_perspective_pin_text(a, pin));
    json_write_text(&w, "add", enrolment(a, s, pin));
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

enum err command_perspective_init(const struct command_line *line, struct err_info *why)
{
    AUTO(perspective_key) struct perspective_key key = {0};
    AUTO(buf) struct buf text = buf_make(FILE_MAX);
    struct arena *a = line->arena;
    const char *file = file_path(a, line->directory, SETTINGS_HOST_FILE);
    struct settings *s = NULL;

    TRY(make_settings(line, &s, why));
    TRY(settings_host_write(a, &text, s, why));
    if (file_exists(file) ||
        file_exists(file_path(a, line->directory, PERSPECTIVE_KEY_FILE)))
        return err_set(why, ERR_EXISTS,
                       "there is a perspective or a CA in %s already; nothing was "
                       "changed",
                       line->directory);
    TRY(perspective_key_make(a, s->host.name, &key, why));
    TRY(file_make_directory(line->directory, 0711, why));
    TRY(perspective_key_create(a, line->directory, &key, why));
    enum err result = file_create(file, buf_span(&text), 0644, why);
    if (result != ERR_OK) {
        (void)unlink(file_path(a, line->directory, PERSPECTIVE_KEY_FILE));
        (void)unlink(file_path(a, line->directory, PERSPECTIVE_CERTIFICATE_FILE));
        return result;
    }
    command_perspective_warn(s->host.region);
    print_made(line, s, key.pin);
    return ERR_OK;
}

/* ---- check-config ---- */

static enum err load(const struct command_line *line, struct span *text,
                     const struct settings **settings, struct err_info *why)
{
    TRY(settings_host_text(line->arena, line->directory, text, why));
    return settings_host_read(line->arena, line->directory, *text, line->sets.items,
                              line->sets.count, settings, why);
}

enum err command_perspective_check(const struct command_line *line, struct err_info *why)
{
    const struct settings *s = NULL;
    uint8_t pin[SETTINGS_PIN_SIZE];
    struct span text;

    TRY(load(line, &text, &s, why));
    TRY(perspective_key_pin(line->arena, line->directory, pin, why));
    if (line->json)
        printf("{\"ok\":true,\"key\":\"%s\"}\n",
               settings_perspective_pin_text(line->arena, pin));
    else
        printf("the configuration is good; this perspective's key is %s\n",
               settings_perspective_pin_text(line->arena, pin));
    return ERR_OK;
}

/* ---- serve ---- */

static enum err reload_check(void *context, struct supervisor_fresh *fresh,
                             struct err_info *why)
{
    struct command_line line = *(const struct command_line *)context;
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *s = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;

    line.arena = a;
    TRY(load(&line, &text, &s, why));
    TRY(command_serve_keep(text, &fresh->settings_fd, why));
    if (log_level_read(s->log_level, &level))
        log_configure(level, "supervisor");
    return ERR_OK;
}

enum err command_perspective_serve(const struct command_line *line, struct err_info *why)
{
    static const enum ipc_role roles[] = {IPC_VALIDATOR, IPC_DOOR};
    struct supervisor_listener listeners[SETTINGS_LISTEN_MAX];
    const struct settings *s = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;
    int settings_fd = -1;

    TRY(load(line, &text, &s, why));
    TRY(command_serve_keep(text, &settings_fd, why));
    TRY(command_serve_listen(line->arena, &s->host.listens, 0, listeners, why));
    if (log_level_read(s->log_level, &level))
        log_configure(level, "supervisor");
    struct command_line copy = *line;
    const struct supervisor_options options = {
        .roles = roles,
        .role_count = sizeof roles / sizeof roles[0],
        .arguments = command_serve_arguments(line->arena, line, true),
        .listeners = listeners,
        .listener_count = s->host.listens.count,
        .settings_fd = settings_fd,
        .ready = command_serve_announce,
        .reload_check = reload_check,
        .context = &copy,
    };
    if (supervisor_run(&options) != 0)
        return err_set(why, ERR_INTERNAL,
                       "the perspective did not start, or not end, in order; the lines "
                       "above say why");
    return ERR_OK;
}
