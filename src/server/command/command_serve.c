/* cairn-ca serve: bind the listeners, then let the supervisor run the house. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/net/address.h"
#include "core/net/socket.h"
#include "server/command/command.h"
#include "server/proc/supervisor.h"
#include "server/settings/settings.h"

/* A file in memory with the text, for the children to read. */
static enum err keep_text(struct span text, int *fd, struct err_info *why)
{
    int made = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (made < 0)
        return err_set_os(why, ERR_IO, errno, "memfd_create");
    if (!file_write_all(made, text) ||
        fcntl(made, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        int os_error = errno;
        (void)close(made);
        return err_set_os(why, ERR_IO, os_error, "cannot keep the configuration");
    }
    *fd = made;
    return ERR_OK;
}

static enum err listen_all(struct arena *a, const struct settings *s,
                           struct supervisor_listener *listeners, struct err_info *why)
{
    for (size_t i = 0; i < s->listen.count; i++) {
        struct address address;
        if (!address_parse_with_port(span_of(s->listen.items[i]), 0, &address))
            return err_set(why, ERR_CONFIG, "listen: \"%s\" is not ADDRESS:PORT",
                           s->listen.items[i]);
        enum err result = socket_listen(&address, false, &listeners[i].fd, why);
        if (result != ERR_OK && why->os_error == EACCES)
            return err_set(
                why, ERR_UNAUTHORIZED,
                "only root may listen on %s; ports from 1024 on are free to all",
                s->listen.items[i]);
        TRY(result);
        listeners[i].address = arena_string(a, s->listen.items[i]);
        listeners[i].kind = 0;
    }
    return ERR_OK;
}

/* SIGHUP: the file is read and judged here; the children get the very text. */
static enum err reload_check(void *context, int *settings_fd, struct err_info *why)
{
    const struct command_line *line = context;
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *settings = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;

    TRY(settings_file_text(a, line->directory, &text, why));
    TRY(settings_read(a, line->directory, text, line->sets.items, line->sets.count,
                      &settings, why));
    TRY(keep_text(text, settings_fd, why));
    if (log_level_read(settings->log_level, &level))
        log_configure(level, "supervisor");
    return ERR_OK;
}

static void announce(const char *url, void *context)
{
    (void)context;
    fprintf(stderr, "ready %s\n", url);
}

/* What every child is started with, behind its role. */
static char **child_arguments(struct arena *a, const struct command_line *line)
{
    size_t count = 0;
    char **arguments = arena_array(a, 2 * line->sets.count + 3, sizeof *arguments);

    arguments[count++] = arena_string(a, "--dir");
    arguments[count++] = arena_string(a, line->directory);
    for (size_t i = 0; i < line->sets.count; i++) {
        arguments[count++] = arena_string(a, "--set");
        arguments[count++] = arena_string(a, line->sets.items[i]);
    }
    arguments[count] = NULL;
    return arguments;
}

enum err command_serve(const struct command_line *line, struct err_info *why)
{
    static const enum ipc_role roles[] = {IPC_SIGNER, IPC_VALIDATOR, IPC_FRONT};
    struct supervisor_listener listeners[SETTINGS_LISTEN_MAX];
    const struct settings *settings = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;
    int settings_fd = -1;

    TRY(settings_file_text(line->arena, line->directory, &text, why));
    TRY(settings_read(line->arena, line->directory, text, line->sets.items,
                      line->sets.count, &settings, why));
    TRY(keep_text(text, &settings_fd, why));
    TRY(listen_all(line->arena, settings, listeners, why));
    if (log_level_read(settings->log_level, &level))
        log_configure(level, "supervisor");
    struct command_line copy = *line;
    const struct supervisor_options options = {
        .roles = roles,
        .role_count = sizeof roles / sizeof roles[0],
        .arguments = child_arguments(line->arena, line),
        .listeners = listeners,
        .listener_count = settings->listen.count,
        .settings_fd = settings_fd,
        .ready = announce,
        .reload_check = reload_check,
        .context = &copy,
    };
    if (supervisor_run(&options) != 0)
        return err_set(why, ERR_INTERNAL,
                       "the CA did not start, or not end, in order; the lines above say "
                       "why");
    return ERR_OK;
}
