/* The solvers of one order. */
#include "client/solve/solve.h"

#include <stdlib.h>
#include <string.h>

#include "client/solve/solve_private.h"
#include "core/base/memory.h"

#define TOKEN_MAX 512 /* octets */

typedef enum err open_function(struct solver *s, struct err_info *why);

static open_function *const opens[CHALLENGE_TYPE_COUNT] = {
#define SOLVER(type, open) [CHALLENGE_##type] = open,
#include "client/solve/solvers.def"
#undef SOLVER
};

struct solve {
    const struct solve_options *options;
    struct solver solvers[CHALLENGE_TYPE_COUNT]; /* without an arena: not opened */
};

struct solve *solve_new(const struct solve_options *options)
{
    struct solve *s = memory_get_zeroed(1, sizeof *s);

    s->options = options;
    return s;
}

static enum err check(const struct solve_task *task, struct err_info *why)
{
    size_t len = strlen(task->token);

    if ((unsigned int)task->type >= CHALLENGE_TYPE_COUNT || opens[task->type] == NULL ||
        !terms_answers(task->type, task->identifier.type, task->wildcard))
        return err_set(why, ERR_USAGE, "%s%s cannot be proved by %s here",
                       task->wildcard ? "*." : "", task->identifier.value,
                       terms_challenge_type(task->type));
    if (task->type == CHALLENGE_DNS_PERSIST_01)
        return ERR_OK; /* there is none */
    if (len == 0 || len > TOKEN_MAX ||
        strspn(task->token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789-_") != len)
        return err_set(why, ERR_PROTOCOL, "the CA sent a token that is not base64url");
    return ERR_OK;
}

static void close_one(struct solver *s)
{
    if (s->arena == NULL)
        return;
    if (s->close != NULL)
        s->close(s);
    arena_free(s->arena);
    *s = (struct solver){0};
}

static enum err open_one(struct solve *s, enum challenge_type type, struct err_info *why)
{
    struct solver *one = &s->solvers[type];

    if (one->arena != NULL)
        return ERR_OK;
    one->arena = arena_new();
    one->options = s->options;
    enum err result = opens[type](one, why);
    if (result != ERR_OK) {
        close_one(one);
        return result;
    }
    report_step(s->options->report, "prove", "%s, %s", terms_challenge_type(type),
                one->description);
    return ERR_OK;
}

/* What cannot be understood here is a file or a name of the administrator's, and nothing
 * that the CA sent. */
static enum err ours(enum err result, struct err_info *why)
{
    if (result != ERR_MALFORMED)
        return result;
    why->code = ERR_CONFIG;
    return ERR_CONFIG;
}

enum err solve_present(struct solve *s, const struct solve_task *task,
                       struct err_info *why)
{
    struct solver *solver = &s->solvers[task->type];

    TRY(check(task, why));
    enum err result = open_one(s, task->type, why);
    if (result == ERR_OK)
        result = solver->present(solver, task, why);
    return ours(result, why);
}

bool solve_is_open(const struct solve *s, enum challenge_type type)
{
    return s->solvers[type].arena != NULL;
}

enum err solve_ready(struct solve *s, enum challenge_type *failed, struct err_info *why)
{
    for (size_t i = 0; i < CHALLENGE_TYPE_COUNT; i++) {
        if (s->solvers[i].arena == NULL || s->solvers[i].ready == NULL)
            continue;
        if (failed != NULL)
            *failed = (enum challenge_type)i;
        TRY(ours(s->solvers[i].ready(&s->solvers[i], why), why));
    }
    return ERR_OK;
}

bool solve_blames(struct solve *s, enum challenge_type type,
                  const struct identifier *name, bool wildcard)
{
    struct solver *one = &s->solvers[type];

    return one->blames == NULL || one->blames(one, name, wildcard);
}

void solve_close(struct solve *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < CHALLENGE_TYPE_COUNT; i++)
        close_one(&s->solvers[i]);
    free(s);
}
