/* Answering on a port of our own. */
#include "client/solve/standalone.h"

#include <errno.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "client/run/run_crew.h"
#include "client/solve/agent_door.h"
#include "client/store/state.h"

#define TURN_WAIT_MS (15 * 60 * 1000) /* for others, whose CA may take its time */

static enum err call(struct solver *s, enum wire_type what, const struct solve_task *task,
                     struct err_info *why)
{
    const struct standalone *how = s->state;
    struct wire_message m = {what, {span_of(terms_challenge_type(how->type))}, 1};

    if (task != NULL) {
        m.fields[m.count++] = span_of(task->identifier.value);
        m.fields[m.count++] = span_of(task->token);
        m.fields[m.count++] = span_of(task->key_authorization);
    }
    return wire_call(s->arena, s->options->listener, &m, NULL, why);
}

static enum err present(struct solver *s, const struct solve_task *task,
                        struct err_info *why)
{
    return call(s, WIRE_ADD, task, why);
}

/* ---- in turn ---- */

/* Of several cairns that work in a state folder at the same time, one at a time has ports
 * of its own. This process works on one certificate at a time, which may want two. */
static struct {
    struct state_lock lock;
    int holders;
} turn;

static enum err take_turn(struct solver *s, struct err_info *why)
{
    if (turn.holders == 0 && s->options->directory != NULL)
        TRY(state_lock_ports(s->arena, s->options->directory, TURN_WAIT_MS, &turn.lock,
                             why));
    turn.holders++;
    return ERR_OK;
}

static void end_turn(void)
{
    if (--turn.holders == 0)
        state_unlock(&turn.lock);
}

static void stop(struct solver *s)
{
    struct err_info ignored = {0};

    /* a process that is gone listens no more */
    (void)!call(s, WIRE_CLOSE, NULL, &ignored);
    end_turn();
}

/* ---- listening ---- */

static enum err explain(const struct standalone *how, const struct run_port_failure *f,
                        struct err_info *why)
{
    const char *type = terms_challenge_type(how->type);

    if (f->os_error == EACCES)
        return err_set(why, ERR_VALIDATION,
                       "only root may listen on port %lld to answer %s; %s",
                       (long long)how->port, type, how->if_forbidden);
    if (f->os_error == EADDRINUSE && f->holder[0] != '\0')
        return err_set(why, ERR_NETWORK, "port %lld, to answer %s, is in use by %s; %s",
                       (long long)how->port, type, f->holder, how->if_in_use);
    return err_set(why, ERR_NETWORK, "%s, to answer %s; %s", f->sentence, type,
                   how->if_in_use);
}

static enum err open_listener(struct solver *s, const struct standalone *how,
                              struct err_info *why)
{
    const struct wire_message m = {
        WIRE_LISTEN, {span_of(terms_challenge_type(how->type)), span_of(how->way)}, 2};
    struct run_port_failure failure;
    struct wire_message back;
    int fd = -1;

    enum err result = run_crew_bind(s->options->runner, s->arena, (uint16_t)how->port,
                                    &fd, &failure, why);
    if (result != ERR_OK)
        return failure.os_error != 0 ? explain(how, &failure, why) : result;
    result = wire_send_descriptor(s->options->listener, &m, fd, why);
    (void)close(fd);
    TRY(result);
    TRY(wire_receive(s->arena, s->options->listener, &back, NULL, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    s->state = arena_copy(s->arena, how, sizeof *how);
    s->present = present;
    s->close = stop;
    s->description =
        how->way[0] == '\0'
            ? arena_printf(s->arena, "answering on port %lld", (long long)how->port)
            : arena_printf(s->arena, "answering on port %lld (%s)", (long long)how->port,
                           how->way);
    return ERR_OK;
}

enum err standalone_open(struct solver *s, const struct standalone *how,
                         struct err_info *why)
{
    bool found = false;

    if (how->type == CHALLENGE_TLS_ALPN_01)
        TRY(agent_door_open(s, how->port, &found, why));
    if (found)
        return ERR_OK;
    TRY(take_turn(s, why));
    enum err result = open_listener(s, how, why);
    if (result != ERR_OK)
        end_turn();
    return result;
}
