/* Servers: tested, then reloaded. */
#include "client/deploy/deploy_target.h"

#include <string.h>

#include "client/deploy/deploy_command.h"
#include "client/deploy/deploy_haproxy.h"
#include "client/solve/apache_vhosts.h"
#include "core/base/file.h"

#define SYSTEMD_RUNS "/run/systemd/system" /* sd_booted(3) */
#define UNIT_PREFIX  "systemd:"

struct server {
    const char *name;
    const char *units;
    const char *option;
    const char *test;
    const char *reload;
    const char *runs;
    const char *reasons;
};

static const struct server servers[] = {
#define TARGET(name, units, option, test, reload, runs, reasons)                         \
    {name, units, option, test, reload, runs, reasons},
#include "client/deploy/targets.def"
#undef TARGET
};

static const struct server *find(const char *target)
{
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++)
        if (strcmp(target, servers[i].name) == 0)
            return &servers[i];
    return NULL;
}

static bool is_unit(const char *target)
{
    return strncmp(target, UNIT_PREFIX, strlen(UNIT_PREFIX)) == 0 &&
           target[strlen(UNIT_PREFIX)] != '\0';
}

bool deploy_target_is_known(const char *target)
{
    return find(target) != NULL || is_unit(target) || strcmp(target, "hook") == 0 ||
           strcmp(target, "files") == 0;
}

const char *deploy_target_names(void)
{
#define TARGET(name, units, option, test, reload, runs, reasons) name ", "
    return
#include "client/deploy/targets.def"
        "systemd:UNIT, hook, files";
#undef TARGET
}

/* Words of a row, with the configuration file behind the program; what it says. */
static enum err read_row(const struct deploy_target *t, const struct server *s,
                         const char *row, const char *what, struct span *output,
                         struct err_info *why)
{
    const char *config = t->deployment->config;
    char *rest = arena_string(t->arena, row);
    char *programs = strsep(&rest, " ");
    enum err result = ERR_NOT_FOUND;

    for (const char *p = strsep(&programs, "|"); p != NULL && result == ERR_NOT_FOUND;
         p = strsep(&programs, "|")) {
        const char *words[DEPLOY_COMMAND_WORDS] = {p};
        size_t count = 1;
        if (config[0] != '\0') {
            words[count++] = s->option;
            words[count++] = config;
        } else if (strcmp(s->name, "haproxy") == 0) {
            words[count++] = s->option; /* it has none of its own */
            words[count++] = DEPLOY_HAPROXY_CONFIG;
        }
        char *more = rest != NULL ? arena_string(t->arena, rest) : NULL;
        while (more != NULL && count + 1 < DEPLOY_COMMAND_WORDS)
            words[count++] = strsep(&more, " ");
        result = deploy_command_read(t, words, what, output, why);
    }
    return result;
}

static enum err run_row(const struct deploy_target *t, const struct server *s,
                        const char *row, const char *what, struct err_info *why)
{
    struct span ignored;
    enum err result = read_row(t, s, row, what, &ignored, why);

    if (result == ERR_DEPLOY && s->reasons[0] != '\0')
        return err_set(why, result, "%s%s", arena_string(t->arena, why->detail),
                       s->reasons);
    return result;
}

enum err deploy_target_test(const struct deploy_target *t, struct err_info *why)
{
    const char *test = t->deployment->test;
    const struct server *s = find(t->deployment->target);

    if (strcmp(test, "none") == 0)
        return ERR_OK;
    if (test[0] != '\0')
        return deploy_command_shell(t, test, "the test", why);
    return s == NULL ? ERR_OK : run_row(t, s, s->test, "the test of its files", why);
}

/* One of the units by which it may run, if it runs by one; else NULL. */
static enum err find_unit(const struct deploy_target *t, const struct server *s,
                          const char **unit, struct err_info *why)
{
    char *rest = arena_string(t->arena, s->units);

    *unit = NULL;
    if (t->deployment->config[0] != '\0' || !file_exists(SYSTEMD_RUNS))
        return ERR_OK;
    for (const char *u = strsep(&rest, " "); u != NULL; u = strsep(&rest, " ")) {
        const char *words[] = {"systemctl", "is-active", "--quiet", u, NULL};
        bool active = false;
        TRY(deploy_command_ask(t, words, &active, why));
        if (active) {
            *unit = u;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* Nobody starts a server that was stopped. The process is looked for by the runner, which
 * sees all files. One that does not say where its number is counts as running. */
static enum err check_runs(const struct deploy_target *t, const struct server *s,
                           struct err_info *why)
{
    struct apache_vhosts said = {0};
    struct span output;
    bool runs = false;

    if (s->runs[0] == '\0')
        return ERR_OK;
    TRY(read_row(t, s, s->runs, "the look at its configuration", &output, why));
    apache_vhosts_read(t->arena, output, &said);
    if (said.pid_file == NULL)
        return ERR_OK;
    const char *words[] = {
        "/bin/sh", "-c",
        "read -r pid < \"$0\" && test \"$pid\" -gt 1 && test -d \"/proc/$pid\"",
        said.pid_file, NULL};
    TRY(deploy_command_ask(t, words, &runs, why));
    if (runs)
        return ERR_OK;
    return err_set(why, ERR_DEPLOY, "%s does not run: %.200s names no process", s->name,
                   said.pid_file);
}

static enum err reload_server(const struct deploy_target *t, const struct server *s,
                              struct err_info *why)
{
    const char *unit = NULL;

    TRY(find_unit(t, s, &unit, why));
    if (unit != NULL) {
        const char *words[] = {"systemctl", "reload", unit, NULL};
        return deploy_command_run(t, words, "systemctl reload", why);
    }
    if (s->reload[0] == '\0')
        return deploy_haproxy_reload(t, why);
    TRY(check_runs(t, s, why));
    return run_row(t, s, s->reload, "the reload", why);
}

/* What does not run gets it when it starts. try-reload-or-restart says so even of a unit
 * that runs and is masked, of which nothing is done; reload-or-restart tells of that, but
 * starts what does not run. */
static enum err reload_unit(const struct deploy_target *t, const char *unit,
                            struct err_info *why)
{
    const char *asked[] = {"systemctl", "is-active", "--quiet", unit, NULL};
    bool active = false;

    TRY(deploy_command_ask(t, asked, &active, why));
    const char *verb = active ? "reload-or-restart" : "try-reload-or-restart";
    const char *words[] = {"systemctl", verb, unit, NULL};
    return deploy_command_run(t, words, arena_printf(t->arena, "systemctl %s", verb),
                              why);
}

enum err deploy_target_reload(const struct deploy_target *t, struct err_info *why)
{
    const char *target = t->deployment->target;
    const struct server *s = find(target);

    if (t->deployment->command[0] != '\0')
        return deploy_command_shell(t, t->deployment->command, "the command", why);
    if (s != NULL)
        return reload_server(t, s, why);
    return is_unit(target) ? reload_unit(t, target + strlen(UNIT_PREFIX), why) : ERR_OK;
}
