/* Each role's beginning: settings, log, and its own main. */
#include "server/command/role.h"

#include <stdio.h>
#include <sys/prctl.h>

#include "core/base/log.h"
#include "server/command/command.h"
#include "server/command/passphrase.h"
#include "server/front/front_main.h"
#include "server/perspective/door_main.h"
#include "server/perspective/relay_main.h"
#include "server/proc/supervisor.h"
#include "server/settings/settings.h"
#include "server/settings/settings_host.h"
#include "server/signer/signer_main.h"
#include "server/validate/validator_main.h"

#define NAME_SIZE 16 /* of a process, prctl(2) */

/* For ps, top and pgrep: executed as /proc/self/exe, it would be called "exe". */
static void take_name(enum ipc_role role)
{
    char name[NAME_SIZE];

    (void)snprintf(name, sizeof name, "cairn-%s", ipc_role_name(role));
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

static enum err load(struct arena *a, enum ipc_role role, int argc, char *const *argv,
                     const struct settings **settings, struct err_info *why)
{
    struct command_line line;
    struct span text;
    enum log_level level = LOG_LEVEL_INFO;

    TRY(supervisor_child_begin(role, why));
    TRY(command_line_read(a, "role", argc, argv, &line, why));
    TRY(supervisor_settings_text(a, SUPERVISOR_SETTINGS_FD, &text, why));
    TRY((line.is_host ? settings_host_read : settings_read)(
        a, line.directory, text, line.sets.items, line.sets.count, settings, why));
    if (log_level_read((*settings)->log_level, &level))
        log_configure(level, ipc_role_name(role));
    return ERR_OK;
}

/* That of the URI, else the issuer's own, else the one of all. */
static enum err read_pin(struct arena *a, const struct settings *s, size_t index,
                         struct secret *pin, struct err_info *why)
{
    const struct settings_issuer issuer = settings_issuer_at(s, index);
    struct pkcs11_uri uri = {0};

    if (!pkcs11_uri_is(issuer.key))
        return ERR_OK;
    TRY(pkcs11_uri_read(a, span_of(issuer.key), &uri, why));
    const char *source = uri.pin_file != NULL    ? uri.pin_file
                         : issuer.pin[0] != '\0' ? issuer.pin
                                                 : s->pkcs11_pin;
    if (passphrase_read_from(a, s->directory, source, pin, why) != ERR_OK)
        return err_prefix(why, "the PIN of %s",
                          index == 0 ? "files.intermediate_key"
                                     : arena_printf(a, "issuers.%s.key", issuer.name));
    return ERR_OK;
}

static enum err read_pins(struct arena *a, const struct settings *s, struct secret *pins,
                          struct err_info *why)
{
    for (size_t i = 0; i <= s->issuers.count; i++)
        TRY(read_pin(a, s, i, &pins[i], why));
    return ERR_OK;
}

static int run_signer(struct arena *a, const struct settings *settings)
{
    AUTO(secret) struct secret passphrase = {0};
    struct secret *pins = arena_array(a, settings->issuers.count + 1, sizeof *pins);
    const struct signer_secrets secrets = {&passphrase, pins};
    struct err_info why = {0};
    int code = COMMAND_EXIT_CONFIG;

    if (passphrase_read(a, settings, &passphrase, &why) == ERR_OK &&
        read_pins(a, settings, pins, &why) == ERR_OK)
        code = signer_main(settings, &secrets);
    else
        log_event(LOG_LEVEL_ERROR, "signer.cannot_start", "why=" LOG_QUOTE, why.detail);
    for (size_t i = 0; i <= settings->issuers.count; i++)
        secret_free(&pins[i]);
    return code;
}

int role_run(enum ipc_role role, int argc, char *const *argv)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings *settings = NULL;
    struct err_info why = {0};

    take_name(role);
    log_configure(LOG_LEVEL_INFO, ipc_role_name(role));
    if (load(a, role, argc, argv, &settings, &why) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "role.cannot_start", "why=" LOG_QUOTE, why.detail);
        return COMMAND_EXIT_FAILED;
    }
    switch (role) {
    case IPC_FRONT:
        return front_main(settings);
    case IPC_VALIDATOR:
        return validator_main(settings);
    case IPC_RELAY:
        return relay_main(settings);
    case IPC_DOOR:
        return door_main(settings);
    case IPC_SIGNER:
        return run_signer(a, settings);
    default:
        return COMMAND_EXIT_USAGE;
    }
}
