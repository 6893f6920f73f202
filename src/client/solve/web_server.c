/* What the kinds of web servers share, and undoing. */
#include "client/solve/web_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "client/run/run.h"
#include "client/solve/web_journal.h"
#include "core/base/file.h"
#include "core/base/text.h"

#define PREFIX        "/.well-known/acme-challenge/"
#define PID_MAX       64 /* octets of a file with a process's number */
#define ARGUMENTS_MAX 16

static const struct web_server_kind *const kinds[] = {&nginx_server_kind,
                                                      &apache_server_kind};

bool web_server_read(const char *way, const struct web_server_kind **kind,
                     const char **config)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t len = strlen(kinds[i]->title);
        if (strncmp(way, kinds[i]->title, len) != 0 ||
            (way[len] != '\0' && (way[len] != ':' || way[len + 1] != '/')))
            continue;
        *kind = kinds[i];
        *config = way[len] == ':' ? way + len + 1 : "";
        return true;
    }
    return false;
}

const char *web_server_path(struct arena *a, const char *token)
{
    return arena_printf(a, PREFIX "%s", token);
}

enum err web_server_run(struct web_server *w, const char *const *programs,
                        const char *const *arguments, struct span *output,
                        struct err_info *why)
{
    static const char *const nothing[] = {NULL};
    const char *list[ARGUMENTS_MAX] = {NULL};
    struct run_request request = {.arguments = list,
                                  .environment = nothing,
                                  .rights = RUN_AS_WE_ARE,
                                  .timeout_ms = WEB_SERVER_TEST_MS};
    struct run_result result;
    enum err found = ERR_NOT_FOUND;

    for (size_t i = 0; arguments[i] != NULL && i + 2 < ARGUMENTS_MAX; i++)
        list[i + 1] = arguments[i];
    for (size_t i = 0; programs[i] != NULL && found == ERR_NOT_FOUND; i++) {
        list[0] = programs[i];
        found = run_program(w->runner, w->arena, &request, &result, why);
    }
    if (found == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "%s is not there to run", programs[0]);
    TRY(found);
    if (result.timed_out || result.code != 0)
        return err_set(why, ERR_CONFIG, "%s %s%s: %s", list[0],
                       list[1] != NULL ? list[1] : "",
                       result.timed_out ? " did not end in time" : " failed",
                       run_last_line(w->arena, result.errors.len > 0 ? result.errors
                                                                     : result.output));
    *output = span_of(arena_printf(
        w->arena, "%.*s\n%.*s", (int)result.output.len, (const char *)result.output.data,
        (int)result.errors.len, (const char *)result.errors.data));
    return ERR_OK;
}

bool web_server_runs(const char *pid_file)
{
    AUTO(arena) struct arena *a = arena_new();
    struct err_info ignored = {0};
    struct span text;
    uint64_t pid = 0;

    return file_read(a, pid_file, PID_MAX, &text, &ignored) == ERR_OK &&
           text_number(text_trim(text), INT32_MAX, &pid) && pid > 1 &&
           file_exists(arena_printf(a, "/proc/%d", (int)pid));
}

enum err web_server_lock(const char *main_file, int *lock, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const char *slash = strrchr(main_file, '/');
    const char *folder =
        slash == NULL ? "."
        : slash == main_file
            ? "/"
            : arena_string_of(a, span_make(main_file, (size_t)(slash - main_file)));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_set_os(why, ERR_IO, errno, "cannot open %s", folder);
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            int reason = errno;
            (void)close(fd);
            return err_set_os(why, ERR_IO, reason, "cannot lock %s", folder);
        }
    *lock = fd;
    return ERR_OK;
}

/* ---- what a killed run left ---- */

static enum err remove_tokens(const struct web_entry *e, struct err_info *why)
{
    for (size_t i = 0; i < e->file_count; i++)
        if (unlink(e->files[i]) != 0 && errno != ENOENT && errno != ENOTDIR)
            return err_set_os(why, ERR_IO, errno, "cannot remove %s", e->files[i]);
    return ERR_OK;
}

static enum err undo(struct arena *a, const struct web_entry *e, int runner,
                     struct err_info *why)
{
    struct web_server w = {.arena = a, .runner = runner, .config = e->config};
    int lock = -1;
    enum err first = ERR_OK;

    if (strcmp(e->server, WEB_JOURNAL_FOLDER) == 0)
        return remove_tokens(e, why);
    if (!web_server_read(e->server, &w.kind, &w.title) || e->file_count == 0)
        return ERR_OK; /* of another version; nothing that we know how to undo */
    w.title = w.kind->title;
    TRY(web_server_lock(e->files[0], &lock, why));
    for (size_t i = 0; i < e->file_count; i++) {
        struct err_info one = {0};
        enum err result = web_edit_undo(a, e->id, e->files[i], &one);
        if (result != ERR_OK && first == ERR_OK) {
            first = result;
            *why = one;
        }
    }
    (void)close(lock);
    TRY(first);
    return w.kind->reload(&w, why);
}

static void tell_undone(const struct web_entry *e, const struct report *report)
{
    if (strcmp(e->server, WEB_JOURNAL_FOLDER) == 0)
        report_step(report, "clean",
                    "removed answers to challenges in %s, left by an earlier run",
                    e->config);
    else
        report_step(report, "clean",
                    "took lines out of the configuration of %s, left by an earlier run",
                    e->server);
}

static void tell(const struct web_entry *e, const struct err_info *why)
{
    if (strcmp(e->server, WEB_JOURNAL_FOLDER) == 0)
        report_warning("answers to challenges that a run before this one left in %s: %s",
                       e->config, why->detail);
    else
        report_warning(
            "what a run before this one left in the configuration of %s (lines "
            "with \"cairn %s\"): %s",
            e->server, e->id, why->detail);
}

int web_server_recover(const char *directory, int runner, const struct report *report)
{
    int undone = 0;

    for (;;) {
        AUTO(arena) struct arena *a = arena_new();
        struct err_info why = {0};
        struct web_entry e;
        int lock = -1;
        if (web_journal_next(a, directory, &e, &lock, &why) != ERR_OK) {
            report_warning("what a run before this one left in a web server's "
                           "configuration cannot be looked for: %s",
                           why.detail);
            return undone;
        }
        if (lock < 0)
            return undone;
        enum err result = undo(a, &e, runner, &why);
        if (result == ERR_OK)
            tell_undone(&e, report);
        else
            tell(&e, &why);
        if (result != ERR_OK && result != ERR_CONFIG && result != ERR_NOT_FOUND) {
            (void)close(lock); /* it is tried again next time */
            return undone;
        }
        if (web_journal_end(a, directory, &e, lock, &why) != ERR_OK)
            return undone;
        undone++;
    }
}
