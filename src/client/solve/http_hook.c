/* http-01 by a program, which puts the answer where the names lead: with the environment
 * that certbot's manual hooks have, and the word "auth", later "cleanup". */
#include <string.h>

#include "client/run/run.h"
#include "client/solve/solve_private.h"

struct hook {
    const char *program;
    struct solve_task tasks[SOLVE_TOKENS_MAX];
    size_t count;
};

static enum err run(struct solver *s, const struct solve_task *task, const char *word,
                    struct err_info *why)
{
    const struct hook *h = s->state;
    const char *const arguments[] = {h->program, word, NULL};
    const char *const environment[] = {
        arena_printf(s->arena, "CERTBOT_DOMAIN=%s", task->identifier.value),
        arena_printf(s->arena, "CERTBOT_TOKEN=%s", task->token),
        arena_printf(s->arena, "CERTBOT_VALIDATION=%s", task->key_authorization), NULL};
    const struct run_request request = {.arguments = arguments,
                                        .environment = environment,
                                        .rights = RUN_AS_WE_ARE,
                                        .timeout_ms =
                                            s->options->wanted->settings->hooks_timeout};
    struct run_result result;

    return run_or_fail(s->options->runner, s->arena, &request, ERR_VALIDATION,
                       arena_printf(s->arena, "http: hook, %s", word), &result, why);
}

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct hook *h = s->state;

    if (h->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    struct solve_task *kept = &h->tasks[h->count++]; /* also one that failed half way */
    *kept = (struct solve_task){
        .identifier = {task->identifier.type,
                       arena_string(s->arena, task->identifier.value)},
        .token = arena_string(s->arena, task->token),
        .key_authorization = arena_string(s->arena, task->key_authorization)};
    return run(s, kept, "auth", why);
}

static void clean_up(struct solver *s)
{
    struct hook *h = s->state;

    while (h->count > 0) {
        struct err_info why = {0};
        if (run(s, &h->tasks[--h->count], "cleanup", &why) != ERR_OK)
            report_warning("%s", why.detail);
    }
}

enum err http_hook_open(struct solver *s, const char *program, struct err_info *why)
{
    struct hook *h = arena_get(s->arena, sizeof *h);

    if (program[0] != '/')
        return err_set(why, ERR_USAGE, "http: hook: \"%.200s\" is no absolute path",
                       program);
    h->program = program;
    s->state = h;
    s->present = present;
    s->close = clean_up;
    s->description = arena_printf(s->arena, "answered by what %s does", program);
    return ERR_OK;
}
