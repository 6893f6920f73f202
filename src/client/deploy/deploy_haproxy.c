/* haproxy (Management Guide, chapters 3 and 4). */
#include "client/deploy/deploy_haproxy.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/deploy/deploy_command.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define CONFIG_MAX  (4 * 1024 * 1024) /* octets */
#define PIDFILE_MAX 64                /* octets */
#define CMDLINE_MAX 4096              /* octets */
#define PID_MAX     4194304           /* of Linux, proc(5) */

/* The value of a keyword that stands first in its line; NULL: it does not stand there. */
static const char *value_of(struct arena *a, struct span text, const char *keyword)
{
    char *rest = arena_string_of(a, text);

    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        line += strspn(line, " \t");
        size_t len = strcspn(line, " \t\r");
        if (len != strlen(keyword) || strncmp(line, keyword, len) != 0)
            continue;
        char *value = line + len;
        value += strspn(value, " \t");
        value[strcspn(value, " \t\r#")] = '\0';
        return value;
    }
    return NULL;
}

/* The words of a process's command line, NULL behind the last (proc(5): a file without a
 * size, each word with a NUL). Of one that is gone there are none. */
static const char *const *command_line(struct arena *a, const char *pid)
{
    char *text = arena_get(a, CMDLINE_MAX + 2);
    const char **words = arena_array(a, CMDLINE_MAX + 1, sizeof *words);
    size_t count = 0;
    ssize_t len = 0;
    int fd = open(arena_printf(a, "/proc/%s/cmdline", pid), O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        len = read(fd, text, CMDLINE_MAX);
        (void)close(fd);
    }
    for (const char *p = text; len > 0 && p < text + len; p += strlen(p) + 1)
        words[count++] = p;
    return words;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The process that runs, and whether it is a master (-W; -Ws under systemd). */
static enum err find_process(struct arena *a, const char *pidfile, const char **pid,
                             bool *is_master, struct err_info *why)
{
    struct span text;
    uint64_t number = 0;

    if (file_read(a, pidfile, PIDFILE_MAX, &text, why) != ERR_OK)
        return err_set(why, ERR_DEPLOY, "haproxy does not run: there is no %s", pidfile);
    /* several processes of old versions stand there in a line each */
    text = text_trim(text);
    if (!text_number(text, PID_MAX, &number))
        return err_set(why, ERR_DEPLOY, "there is no process number in %s", pidfile);
    *pid = arena_printf(a, "%llu", (unsigned long long)number);
    const char *const *words = command_line(a, *pid);
    if (words[0] == NULL || strcmp(base_name(words[0]), "haproxy") != 0)
        return err_set(why, ERR_DEPLOY,
                       "haproxy does not run: process %s of %s is not it", *pid, pidfile);
    for (size_t i = 1; words[i] != NULL; i++)
        *is_master =
            *is_master || strcmp(words[i], "-W") == 0 || strcmp(words[i], "-Ws") == 0;
    return ERR_OK;
}

const char *deploy_haproxy_pidfile(struct arena *a, const char *config)
{
    struct err_info ignored = {0};
    const char *pidfile = NULL;
    struct span text;

    if (file_read(a, config[0] != '\0' ? config : DEPLOY_HAPROXY_CONFIG, CONFIG_MAX,
                  &text, &ignored) == ERR_OK)
        pidfile = value_of(a, text, "pidfile");
    return pidfile != NULL ? pidfile : DEPLOY_HAPROXY_PIDFILE;
}

enum err deploy_haproxy_reload(const struct deploy_target *t, struct err_info *why)
{
    struct arena *a = t->arena;
    const char *config = t->deployment->config;
    const char *pidfile = NULL;
    const char *pid = NULL;
    bool is_master = false;
    struct span text;

    if (config[0] == '\0')
        config = DEPLOY_HAPROXY_CONFIG;
    if (file_read(a, config, CONFIG_MAX, &text, why) != ERR_OK)
        return err_prefix(why, "haproxy's configuration");
    pidfile = value_of(a, text, "pidfile");
    if (pidfile == NULL)
        pidfile = DEPLOY_HAPROXY_PIDFILE;
    TRY(find_process(a, pidfile, &pid, &is_master, why));
    if (is_master || value_of(a, text, "master-worker") != NULL) {
        const char *words[] = {"/bin/sh", "-c", "kill -USR2 \"$0\"", pid, NULL};
        return deploy_command_run(t, words, "the signal to haproxy", why);
    }
    const char *words[] = {"haproxy", "-f",  config, "-D", "-p",
                           pidfile,   "-sf", pid,    NULL};
    return deploy_command_run(t, words, "the reload", why);
}
