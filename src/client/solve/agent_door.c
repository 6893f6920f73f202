/* Asking the agent to answer: a question that says the port, whose line stays open; then
 * one for each challenge. The last of them has all taken, or none while another order
 * proves one of the names: so no two wait for each other. */
#include "client/solve/agent_door.h"

#include <unistd.h>

#include "client/proc/agent_line.h"
#include "client/run/run_crew.h"
#include "core/base/file.h"
#include "core/base/interrupt.h"
#include "core/json/json_write.h"

#define TURN_WAIT_MS (15 * 60 * 1000) /* for others, whose CA may take its time */
#define AGAIN_MS     200

struct challenge {
    const char *identifier;
    const char *key_authorization;
};

struct door {
    int fd;
    struct challenge challenges[SOLVE_TOKENS_MAX];
    size_t count;
    size_t told; /* so many are answered already */
};

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    struct door *d = s->state;

    if (d->count == SOLVE_TOKENS_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d challenges", SOLVE_TOKENS_MAX);
    d->challenges[d->count++] =
        (struct challenge){arena_string(s->arena, task->identifier.value),
                           arena_string(s->arena, task->key_authorization)};
    return ERR_OK;
}

static enum err tell(struct solver *s, const struct challenge *c, bool last,
                     struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(AGENT_LINE_MAX);
    struct json_writer w = json_writer_make(&b);
    const struct door *d = s->state;
    const struct json *ignored = NULL;

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "identifier", c->identifier);
    json_write_text(&w, "key_authorization", c->key_authorization);
    json_write_bool(&w, "more", !last);
    json_write_end_object(&w);
    buf_add_octet(&b, '\n');
    if (b.failed)
        return err_set(why, ERR_TOO_LARGE, "a challenge is too large for the agent");
    return agent_line_ask(s->arena, d->fd, buf_span(&b), &ignored, why);
}

static enum err tell_all(struct solver *s, struct err_info *why)
{
    const struct door *d = s->state;

    for (size_t i = d->told; i < d->count; i++)
        TRY(tell(s, &d->challenges[i], i + 1 == d->count, why));
    return ERR_OK;
}

static enum err ready(struct solver *s, struct err_info *why)
{
    struct door *d = s->state;
    enum err result = tell_all(s, why);

    for (int64_t waited = 0; result == ERR_LOCKED && waited < TURN_WAIT_MS;
         waited += AGAIN_MS) {
        if (!interrupt_sleep_ms(AGAIN_MS))
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        result = tell_all(s, why);
    }
    if (result == ERR_OK)
        d->told = d->count;
    return result;
}

/* The agent forgets what it was told. */
static void end(struct solver *s)
{
    const struct door *d = s->state;

    (void)close(d->fd);
}

static const char *path_of(struct solver *s)
{
    const char *path = s->options->wanted->settings->agent_socket;

    if (path[0] != '\0')
        return path;
    return s->options->directory != NULL
               ? file_path(s->arena, s->options->directory, AGENT_LINE_SOCKET)
               : NULL;
}

enum err agent_door_open(struct solver *s, int64_t port, bool *found,
                         struct err_info *why)
{
    const char *question = arena_printf(
        s->arena, "{\"command\":\"answer\",\"port\":%lld}\n", (long long)port);
    const char *path = path_of(s);
    const struct json *answer = NULL;
    struct err_info ignored = {0};
    int fd = -1;

    *found = false;
    if (path == NULL ||
        run_crew_reach(s->options->runner, s->arena, path, &fd, &ignored) != ERR_OK)
        return ERR_OK;
    enum err result = agent_line_ask(s->arena, fd, span_of(question), &answer, &ignored);
    if (result != ERR_OK) {
        (void)close(fd);
        if (result == ERR_INTERRUPTED)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        return ERR_OK; /* it has not that port */
    }
    struct door *d = arena_get(s->arena, sizeof *d);
    d->fd = fd;
    s->state = d;
    s->present = present;
    s->ready = ready;
    s->close = end;
    s->description =
        arena_printf(s->arena, "by the agent, which holds port %lld", (long long)port);
    *found = true;
    return ERR_OK;
}
