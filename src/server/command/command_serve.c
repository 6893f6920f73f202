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
#include "server/admin/admin_socket.h"
#include "server/audit/audit.h"
#include "server/command/command.h"
#include "server/command/command_serve.h"
#include "server/front/front_main.h"
#include "server/issue/issuer.h"
#include "server/proc/supervisor.h"
#include "server/settings/settings_bundle.h"
#include "server/settings/settings_files.h"
#include "server/validate/device_attest_01.h"

enum err command_serve_keep(struct span text, int *fd, struct err_info *why)
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

enum err command_serve_listen(struct arena *a, const struct config_list *list,
                              uint64_t kind, struct supervisor_listener *listeners,
                              struct err_info *why)
{
    for (size_t i = 0; i < list->count; i++) {
        struct address address;
        if (!address_parse_with_port(span_of(list->items[i]), 0, &address))
            return err_set(why, ERR_CONFIG, "listen: \"%s\" is not ADDRESS:PORT",
                           list->items[i]);
        enum err result = socket_listen(&address, false, &listeners[i].fd, why);
        if (result != ERR_OK && why->os_error == EACCES)
            return err_set(
                why, ERR_UNAUTHORIZED,
                "only root may listen on %s; ports from 1024 on are free to all",
                list->items[i]);
        TRY(result);
        listeners[i].address = arena_string(a, list->items[i]);
        listeners[i].kind = kind;
    }
    return ERR_OK;
}

/* Commands of root and the owner come by this one. */
static enum err listen_admin(struct arena *a, const struct settings *s,
                             struct supervisor_listener *listener, struct err_info *why)
{
    TRY(admin_socket_listen(a, s->directory, &listener->fd, why));
    listener->address = ADMIN_SOCKET_NAME;
    listener->kind = FRONT_LISTENER_ADMIN;
    return ERR_OK;
}

/* A CA without other perspectives needs no process for them. */
static unsigned int asleep(const struct settings *settings)
{
    return settings->perspectives.count == 0 ? IPC_RELAY : 0;
}

/* What a reload is compared with. */
struct serving {
    const struct command_line *line;
    const struct settings *settings; /* those in force */
    struct arena *arena;             /* of them */
};

/* The settings of the file, with the certificates they name: one text. */
static enum err read_settings(struct arena *a, const struct command_line *line,
                              struct span *text, const struct settings **settings,
                              struct err_info *why)
{
    TRY(settings_file_text(a, line->directory, text, why));
    TRY(settings_read(a, line->directory, *text, line->sets.items, line->sets.count,
                      settings, why));
    TRY(settings_files_check(a, *settings, why));
    TRY(settings_bundle_join(a, *settings, text, why));
    TRY(settings_read(a, line->directory, *text, line->sets.items, line->sets.count,
                      settings, why));
    struct device_attest_01 attest; /* what the validator will read out of them */
    return device_attest_01_open(a, *settings, &attest, why);
}

/* The issuers' certificates are read here; keys that are new by a process that ends at
 * once, since none belongs into this one. */
static enum err check_issuers(struct arena *a, const struct settings *before,
                              const struct settings *settings, struct err_info *why)
{
    struct issuer_set issuers;

    TRY(issuer_set_read(a, settings, &issuers, why));
    TRY(issuer_set_check_server(&issuers, settings, why));
    return settings_bundle_same(before, settings)
               ? ERR_OK
               : command_serve_try_signer(settings, why);
}

/* SIGHUP: the file is read and judged here; the children get the very text. */
static enum err reload_check(void *context, struct supervisor_fresh *fresh,
                             struct err_info *why)
{
    struct serving *serving = context;
    struct arena *a = arena_new();
    const struct settings *settings = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;

    enum err result = read_settings(a, serving->line, &text, &settings, why);
    if (result == ERR_OK)
        result = check_issuers(a, serving->settings, settings, why);
    if (result == ERR_OK)
        result = command_serve_keep(text, &fresh->settings_fd, why);
    if (result != ERR_OK) {
        arena_free(a);
        return result;
    }
    arena_free(serving->arena);
    serving->arena = a;
    serving->settings = settings;
    fresh->asleep = asleep(settings);
    if (log_level_read(settings->log_level, &level))
        log_configure(level, "supervisor");
    return ERR_OK;
}

/* The signer and the front each have a chain of their own, and no other's file. */
static enum err open_audit_segment(void *context, enum ipc_role role, uint64_t number,
                                   int *fd, struct err_info *why)
{
    const struct serving *serving = context;
    AUTO(arena) struct arena *a = arena_new();
    const char *folder = role == IPC_FRONT    ? AUDIT_FOLDER_FRONT
                         : role == IPC_SIGNER ? AUDIT_FOLDER_SIGNER
                                              : NULL;

    if (folder == NULL || number < 2 || number > AUDIT_FILE_NUMBER_MAX)
        return err_set(why, ERR_PROTOCOL, "there is no such segment of the audit log");
    return audit_file_open_segment(settings_path(a, serving->settings, folder),
                                   (unsigned int)number, fd, why);
}

void command_serve_announce(const char *url, void *context)
{
    (void)context;
    fprintf(stderr, "ready %s\n", url);
}

char **command_serve_arguments(struct arena *a, const struct command_line *line,
                               bool is_host)
{
    size_t count = 0;
    char **arguments = arena_array(a, 2 * line->sets.count + 4, sizeof *arguments);

    if (is_host)
        arguments[count++] = arena_string(a, "--perspective");

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
    static const enum ipc_role roles[] = {IPC_SIGNER, IPC_VALIDATOR, IPC_RELAY,
                                          IPC_FRONT};
    struct supervisor_listener listeners[2 * SETTINGS_LISTEN_MAX + 1];
    const struct settings *settings = NULL;
    enum log_level level = LOG_LEVEL_INFO;
    struct span text;
    int settings_fd = -1;

    TRY(read_settings(line->arena, line, &text, &settings, why));
    TRY(command_serve_keep(text, &settings_fd, why));
    TRY(command_serve_listen(line->arena, &settings->listen, FRONT_LISTENER_HTTPS,
                             listeners, why));
    size_t listener_count = settings->listen.count;
    TRY(command_serve_listen(line->arena, &settings->publish_listen,
                             FRONT_LISTENER_PUBLISH, listeners + listener_count, why));
    listener_count += settings->publish_listen.count;
    TRY(listen_admin(line->arena, settings, &listeners[listener_count++], why));
    if (log_level_read(settings->log_level, &level))
        log_configure(level, "supervisor");
    struct serving serving = {line, settings, NULL};
    const struct supervisor_options options = {
        .roles = roles,
        .role_count = sizeof roles / sizeof roles[0],
        .asleep = asleep(settings),
        .arguments = command_serve_arguments(line->arena, line, false),
        .listeners = listeners,
        .listener_count = listener_count,
        .settings_fd = settings_fd,
        .ready = command_serve_announce,
        .reload_check = reload_check,
        .audit_segment = open_audit_segment,
        .context = &serving,
    };
    int code = supervisor_run(&options);
    arena_free(serving.arena);
    admin_socket_remove(line->arena, line->directory);
    if (code != 0)
        return err_set(why, ERR_INTERNAL,
                       "the CA did not start, or not end, in order; the lines above say "
                       "why");
    return ERR_OK;
}
