/* Commands of deployments. */
#include "client/deploy/deploy_command.h"

#include "client/run/run.h"
#include "core/base/text.h"

#define SHOWN 400 /* octets of what a command said, in a sentence */

static enum err run(const struct deploy_target *t, const char *const *words,
                    struct run_result *result, struct err_info *why)
{
    const struct run_request request = {.arguments = words,
                                        .environment = t->environment,
                                        .rights = RUN_AS_WE_ARE,
                                        .timeout_ms = t->timeout_ms};

    return run_program(t->runner, t->arena, &request, result, why);
}

/* The end of what it said, in one line. Servers say what is wrong before they say that
 * something is. */
static const char *last_words(struct arena *a, const struct run_result *result)
{
    struct span said =
        text_trim(result->errors.len > 0 ? result->errors : result->output);
    size_t from = said.len > SHOWN ? said.len - SHOWN : 0;

    if (said.len == 0)
        return "";
    char *line = arena_string_of(a, span_slice(said, from, said.len));
    for (char *p = line; *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return arena_printf(a, ": %s%s", from > 0 ? "..." : "", line);
}

enum err deploy_command_read(const struct deploy_target *t, const char *const *words,
                             const char *what, struct span *output, struct err_info *why)
{
    struct run_result result = {0};

    TRY(run(t, words, &result, why));
    if (result.timed_out)
        return err_set(why, ERR_DEPLOY, "%s took longer than %lld s and was ended%s",
                       what, (long long)(t->timeout_ms / 1000),
                       last_words(t->arena, &result));
    if (result.code != 0)
        return err_set(why, ERR_DEPLOY, "%s failed with exit code %d%s", what,
                       result.code, last_words(t->arena, &result));
    *output = result.output;
    return ERR_OK;
}

enum err deploy_command_run(const struct deploy_target *t, const char *const *words,
                            const char *what, struct err_info *why)
{
    struct span ignored;

    return deploy_command_read(t, words, what, &ignored, why);
}

enum err deploy_command_shell(const struct deploy_target *t, const char *line,
                              const char *what, struct err_info *why)
{
    const char *words[] = {"/bin/sh", "-c", line, NULL};

    return deploy_command_run(t, words, what, why);
}

enum err deploy_command_ask(const struct deploy_target *t, const char *const *words,
                            bool *yes, struct err_info *why)
{
    struct run_result result = {0};
    enum err ran = run(t, words, &result, why);

    if (ran != ERR_OK && ran != ERR_NOT_FOUND)
        return ran;
    *yes = ran == ERR_OK && result.code == 0 && !result.timed_out;
    return ERR_OK;
}
