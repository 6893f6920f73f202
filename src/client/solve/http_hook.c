/* http-01 by a program, which puts the answer where the names lead: with the environment
 * that certbot's manual hooks have, and the word "auth", later "cleanup"; or as uacme
 * calls its hooks, "begin" and "done" and what they are about. */
#include <string.h>

#include "client/run/run.h"
#include "client/solve/solve_private.h"

struct hook {
    const char *program;
    bool is_uacme;
    struct solve_task tasks[SOLVE_TOKENS_MAX];
    size_t count;
};

static enum err run(struct solver *s, const struct solve_task *task, const char *word,
                    struct err_info *why)
{
    const struct hook *h = s->state;
    struct arena *a = s->arena;
    const char *name = task->identifier.value;
    const char *const certbot[] = {h->program, word, NULL};
    const char *const uacme[] = {
        h->program, word, "http-01", name, task->token, task->key_authorization, NULL};
    const char *const certbot_environment[] = {
        arena_printf(a, "CERTBOT_DOMAIN=%s", name),
        arena_printf(a, "CERTBOT_TOKEN=%s", task->token),
        arena_printf(a, "CERTBOT_VALIDATION=%s", task->key_authorization), NULL};
    const char *const uacme_environment[] = {
        arena_printf(a, "UACME_METHOD=%s", word),
        "UACME_TYPE=http-01",
        arena_printf(a, "UACME_IDENT=%s", name),
        arena_printf(a, "UACME_TOKEN=%s", task->token),
        arena_printf(a, "UACME_AUTH=%s", task->key_authorization),
        NULL};
    const struct run_request request = {
        .arguments = h->is_uacme ? uacme : certbot,
        .environment = h->is_uacme ? uacme_environment : certbot_environment,
        .rights = RUN_AS_WE_ARE,
        .timeout_ms = s->options->wanted->settings->hooks_timeout};
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
    enum err result = run(s, kept, h->is_uacme ? "begin" : "auth", why);
    if (result != ERR_OK && h->is_uacme)
        h->count--; /* it declines: nothing was done */
    return result;
}

static void clean_up(struct solver *s)
{
    struct hook *h = s->state;

    while (h->count > 0) {
        struct err_info why = {0};
        if (run(s, &h->tasks[--h->count], h->is_uacme ? "done" : "cleanup", &why) !=
            ERR_OK)
            report_warning("%s", why.detail);
    }
}

enum err http_hook_open(struct solver *s, const char *program, bool is_uacme,
                        struct err_info *why)
{
    struct hook *h = arena_get(s->arena, sizeof *h);

    if (program[0] != '/')
        return err_set(why, ERR_USAGE, "http: hook: \"%.200s\" is no absolute path",
                       program);
    h->program = program;
    h->is_uacme = is_uacme;
    s->state = h;
    s->present = present;
    s->close = clean_up;
    s->description = arena_printf(s->arena, "answered by what %s does", program);
    return ERR_OK;
}
