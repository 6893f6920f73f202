/* Starting, stopping, binding. */
#include "client/run/run_crew.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/proc/agent_line.h"
#include "client/proc/wire.h"
#include "client/run/port_holder.h"
#include "client/run/run_private.h"
#include "core/base/text.h"
#include "core/net/socket.h"

#define STARTED_MAX  32 /* processes at a time */
#define OS_ERROR_MAX 4095

static const struct run_member *members;
static size_t member_count;

void run_crew_members(const struct run_member *list, size_t count)
{
    members = list;
    member_count = count;
}

/* ---- in the runner ---- */

static pid_t started[STARTED_MAX];
static const struct run_member *chosen;

/* The runner goes on when somebody types Ctrl-C; who is started does as it likes. */
static int run_chosen(int fd)
{
    run_crew_restore_signals();
    return chosen->run(fd);
}

static enum err start(struct arena *a, const struct wire_message *m, int fd,
                      struct span *answer, struct err_info *why)
{
    uint64_t which = 0;
    size_t place = 0;
    pid_t pid = 0;

    while (place < STARTED_MAX && started[place] != 0)
        place++;
    if (fd < 0 || place == STARTED_MAX || m->count != 1 || member_count == 0 ||
        !text_number(m->fields[0], member_count - 1, &which))
        return err_set(why, ERR_PROTOCOL, "there is no process to be started");
    chosen = &members[which];
    TRY(child_fork(chosen->kind, run_chosen, fd, &pid, why));
    started[place] = pid;
    *answer = span_of(arena_printf(a, "%d", (int)started[place]));
    return ERR_OK;
}

void run_crew_reap(void)
{
    for (pid_t pid = waitpid(-1, NULL, WNOHANG); pid > 0;
         pid = waitpid(-1, NULL, WNOHANG))
        for (size_t i = 0; i < STARTED_MAX; i++)
            if (started[i] == pid)
                started[i] = 0;
}

static enum err stop(const struct wire_message *m, struct err_info *why)
{
    uint64_t pid = 0;

    if (m->count != 2 || !text_number(m->fields[0], INT32_MAX, &pid))
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    for (size_t i = 0; pid != 0 && i < STARTED_MAX; i++) {
        if (started[i] != (pid_t)pid)
            continue;
        if (m->fields[1].len > 0)
            child_let_go(started[i]);
        else
            child_kill(started[i]);
        started[i] = 0;
    }
    return ERR_OK;
}

enum err run_crew_listen(uint16_t port, int *fd, struct err_info *why)
{
    struct address any = {.family = ADDRESS_V6, .port = port};
    enum err result = socket_listen(&any, false, fd, why);

    if (result == ERR_OK || why->os_error == EADDRINUSE || why->os_error == EACCES)
        return result;
    any.family = ADDRESS_V4;
    return socket_listen(&any, false, fd, why);
}

static enum err bind_port(struct arena *a, int runner, const struct wire_message *m,
                          struct err_info *why)
{
    struct wire_message back = {.type = WIRE_ANSWER};
    struct err_info failure = {0};
    uint64_t port = 0;
    int fd = -1;

    if (m->count != 1 || !text_number(m->fields[0], UINT16_MAX, &port))
        return wire_send_failure(
            runner, &(struct err_info){.code = ERR_PROTOCOL, .detail = "no port"}, why);
    if (run_crew_listen((uint16_t)port, &fd, &failure) == ERR_OK) {
        enum err result = wire_send_descriptor(runner, &back, fd, why);
        (void)close(fd);
        return result;
    }
    const char *holder =
        failure.os_error == EADDRINUSE ? port_holder_find(a, (uint16_t)port) : NULL;
    back.fields[0] = span_of(arena_printf(a, "%d", failure.os_error));
    back.fields[1] = span_of(failure.detail);
    back.fields[2] = span_of(holder != NULL ? holder : "");
    back.count = 3;
    return wire_send(runner, &back, why);
}

static enum err reach_agent(int runner, const struct wire_message *m,
                            struct err_info *why)
{
    const struct wire_message back = {.type = WIRE_ANSWER};
    struct err_info failure = {0};
    int fd = -1;

    if (m->count != 1)
        (void)err_set(&failure, ERR_PROTOCOL, "a call for the agent is malformed");
    else if (agent_line_reach((const char *)m->fields[0].data, &fd, &failure) == ERR_OK) {
        enum err result = wire_send_descriptor(runner, &back, fd, why);
        (void)close(fd);
        return result;
    }
    return wire_send_failure(runner, &failure, why);
}

enum err run_crew_serve(struct arena *a, int runner, const struct wire_message *m, int fd,
                        struct err_info *why)
{
    struct err_info failure = {0};
    struct wire_message back = {WIRE_ANSWER, {span_of("")}, 1};
    enum err result = ERR_OK;

    if (m->type == WIRE_BIND_PORT)
        return bind_port(a, runner, m, why);
    if (m->type == WIRE_REACH_AGENT)
        return reach_agent(runner, m, why);
    result = m->type == WIRE_START ? start(a, m, fd, &back.fields[0], &failure)
                                   : stop(m, &failure);
    return result == ERR_OK ? wire_send(runner, &back, why)
                            : wire_send_failure(runner, &failure, why);
}

/* ---- asking it ---- */

enum err run_crew_bind(int runner, struct arena *a, uint16_t port, int *fd,
                       struct run_port_failure *failure, struct err_info *why)
{
    const struct wire_message m = {
        WIRE_BIND_PORT, {span_of(arena_printf(a, "%u", port))}, 1};
    struct wire_message back;
    uint64_t os_error = 0;

    *failure = (struct run_port_failure){.sentence = "", .holder = ""};
    TRY(wire_send(runner, &m, why));
    TRY(wire_receive_on(a, runner, &back, fd, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    if (*fd >= 0)
        return ERR_OK;
    if (back.count != 3 || !text_number(back.fields[0], OS_ERROR_MAX, &os_error))
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    *failure = (struct run_port_failure){.os_error = (int)os_error,
                                         .sentence = (const char *)back.fields[1].data,
                                         .holder = (const char *)back.fields[2].data};
    return err_set(why, ERR_NETWORK, "%s", failure->sentence);
}

enum err run_crew_reach(int runner, struct arena *a, const char *path, int *fd,
                        struct err_info *why)
{
    const struct wire_message m = {WIRE_REACH_AGENT, {span_of(path)}, 1};
    struct wire_message back;

    TRY(wire_send(runner, &m, why));
    TRY(wire_receive_on(a, runner, &back, fd, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    return *fd >= 0
               ? ERR_OK
               : err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
}
