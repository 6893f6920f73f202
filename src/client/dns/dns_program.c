/* Running them. */
#include "client/dns/dns_program.h"

#include <string.h>
#include <unistd.h>

#include "client/settings/settings.h"
#include "core/base/memory.h"

#define LABEL    "_acme-challenge."
#define OURS     4 /* variables that each program gets */
#define READABLE 64

static void add_all(const char **list, size_t *count, const char *const *from)
{
    for (size_t i = 0; from[i] != NULL && *count < RUN_ENVIRONMENT_MAX; i++)
        list[(*count)++] = from[i];
}

static void read_readable(const struct dns_use *use, const struct dns_program *program,
                          const char **list)
{
    const struct config_list *from = &use->settings->hooks_readable;
    size_t count = 0;

    if (program->folder_readable != NULL)
        list[count++] = program->folder_readable;
    for (size_t i = 0; i < from->count && count < READABLE; i++)
        list[count++] = from->items[i];
    list[count] = NULL;
}

static void wipe(const char *const *variables)
{
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++)
        memory_wipe((void *)(uintptr_t)variables[i], strlen(variables[i]));
}

enum err dns_program_run(const struct dns_use *use, const struct dns_task *task,
                         const struct dns_program *program, enum err failure,
                         struct run_result *result, struct err_info *why)
{
    struct arena *a = use->arena;
    const char *environment[RUN_ENVIRONMENT_MAX + 1] = {NULL};
    const char *readable[READABLE + 1];
    const char *const *credentials = NULL;
    size_t count = 0;

    const char *const ours[OURS + 1] = {arena_printf(a, "CAIRN_RECORD=%s", task->owner),
                                        arena_printf(a, "CAIRN_VALUE=%s", task->value),
                                        arena_printf(a, "CAIRN_ZONE=%s", task->zone),
                                        arena_printf(a, "CAIRN_DOMAIN=%s", task->domain),
                                        NULL};
    if (use->dns->credentials[0] != '\0')
        TRY(run_read_environment(a, dns_provider_option(a, use->dns, "credentials"),
                                 use->dns->credentials, &credentials, why));
    add_all(environment, &count, program->variables);
    add_all(environment, &count, ours);
    if (credentials != NULL)
        add_all(environment, &count, credentials);
    read_readable(use, program, readable);
    const struct run_request request = {.arguments = program->arguments,
                                        .called = program->called,
                                        .environment = environment,
                                        .user = use->settings->hooks_user,
                                        .readable = readable,
                                        .rights = RUN_CONFINED,
                                        .input = program->input,
                                        .timeout_ms = use->settings->hooks_timeout};
    enum err code = run_or_fail(use->runner, a, &request, failure,
                                arena_printf(a, "dns.%s", use->dns->name), result, why);
    wipe(credentials);
    return code;
}

enum err dns_program_check(const struct settings_dns *dns, const char *option,
                           const char *path, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *what = dns_provider_option(a, dns, option);
    const char *const *credentials = NULL;

    if (path[0] == '\0')
        return err_set(why, ERR_CONFIG, "%s is missing: the provider %s is a program",
                       what, dns->provider);
    if (path[0] != '/')
        return err_set(why, ERR_CONFIG,
                       "%s: write the program's whole path, from / on, not %.200s", what,
                       path);
    if (access(path, X_OK) != 0)
        return err_set(why, ERR_CONFIG,
                       "%s: %.200s is not there or cannot be run (chmod +x)", what, path);
    if (dns->credentials[0] == '\0')
        return ERR_OK;
    TRY(run_read_environment(a, dns_provider_option(a, dns, "credentials"),
                             dns->credentials, &credentials, why));
    wipe(credentials);
    return ERR_OK;
}

const char *dns_program_domain(struct arena *a, const struct dns_task *task)
{
    if (strncmp(task->owner, LABEL, strlen(LABEL)) == 0)
        return arena_string(a, task->owner + strlen(LABEL));
    return arena_string(a, task->domain);
}
