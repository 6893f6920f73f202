/* The control socket of the agent. */
#include "client/agent/agent_control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/proc/agent_line.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/interrupt.h"
#include "core/base/memory.h"

#define BACKLOG 16

static bool answers(const struct sockaddr_un *to)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) == 0;

    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* ---- the agent's end ---- */

static enum err listen_at(const char *path, int *fd, struct err_info *why)
{
    struct sockaddr_un at;
    struct stat there;

    TRY(agent_line_address(path, &at, why));
    if (answers(&at))
        return err_set(why, ERR_LOCKED, "another agent answers at %s", path);
    if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
        return err_set(why, ERR_CONFIG,
                       "%s is there and is no socket: agent.socket must be a name of its "
                       "own",
                       path);
    (void)unlink(path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return err_set_os(why, ERR_IO, errno, "cannot make a socket");
    mode_t before = umask(0177);
    bool good = bind(made, (const struct sockaddr *)&at, sizeof at) == 0;
    int reason = errno;
    (void)umask(before);
    if (good && listen(made, BACKLOG) != 0) {
        reason = errno;
        good = false;
    }
    if (!good) {
        (void)close(made);
        return err_set_os(why, ERR_IO, reason, "cannot listen at %s", path);
    }
    *fd = made;
    return ERR_OK;
}

enum err agent_control_begin(const char *path, struct agent_control **control,
                             struct err_info *why)
{
    int fd = -1;

    TRY(listen_at(path, &fd, why));
    struct agent_control *made = memory_get_zeroed(1, sizeof *made);
    made->path = memory_copy_string(path);
    made->listener = fd;
    for (size_t i = 0; i < AGENT_CONTROL_CLIENTS; i++)
        made->clients[i].fd = -1;
    *control = made;
    return ERR_OK;
}

static void let_go(struct agent_control_client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    *c = (struct agent_control_client){.fd = -1};
}

void agent_control_close(struct agent_control *control)
{
    for (size_t i = 0; i < AGENT_CONTROL_CLIENTS; i++)
        let_go(&control->clients[i]);
    (void)close(control->listener);
}

void agent_control_end(struct agent_control *control)
{
    if (control == NULL)
        return;
    for (size_t i = 0; i < AGENT_CONTROL_CLIENTS; i++)
        let_go(&control->clients[i]);
    (void)close(control->listener);
    (void)unlink(control->path);
    free(control->path);
    free(control);
}

size_t agent_control_poll(const struct agent_control *control, struct pollfd *polled)
{
    size_t count = 0;
    bool room = false;

    for (size_t i = 0; i < AGENT_CONTROL_CLIENTS; i++) {
        const struct agent_control_client *c = &control->clients[i];
        room = room || c->fd < 0;
        if (c->fd >= 0 && !c->asked)
            polled[count++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    }
    if (room)
        polled[count++] = (struct pollfd){.fd = control->listener, .events = POLLIN};
    return count;
}

static bool may_ask(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void take_new(struct agent_control *control)
{
    for (size_t i = 0; i < AGENT_CONTROL_CLIENTS; i++) {
        struct agent_control_client *c = &control->clients[i];
        if (c->fd >= 0)
            continue;
        c->fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (c->fd < 0)
            return;
        c->end_us = clock_monotonic_us() + AGENT_CONTROL_WAIT_S * 1000000LL;
        if (!may_ask(c->fd))
            let_go(c);
    }
}

/* True if the question is there, whole. */
static bool read_question(struct agent_control_client *c)
{
    ssize_t got = recv(c->fd, c->question + c->len, AGENT_CONTROL_REQUEST - c->len, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (clock_monotonic_us() >= c->end_us)
            let_go(c);
        return false;
    }
    if (got <= 0) {
        let_go(c);
        return false;
    }
    c->len += (size_t)got;
    if (c->question[c->len - 1] == '\n')
        return true;
    if (c->len == AGENT_CONTROL_REQUEST)
        let_go(c);
    return false;
}

void agent_control_serve(struct agent_control *control,
                         void (*answer)(void *context, size_t client,
                                        const struct json *question),
                         void *context)
{
    take_new(control);
    for (size_t i = 0; i < AGENT_CONTROL_CLIENTS; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct agent_control_client *c = &control->clients[i];
        const struct json *question = NULL;
        struct err_info why = {0};
        if (c->fd < 0 || c->asked || !read_question(c))
            continue;
        c->asked = true;
        if (json_read(a, span_make(c->question, c->len), &question, &why) == ERR_OK)
            answer(context, i, question);
        else
            let_go(c);
    }
}

int agent_control_keep(struct agent_control *control, size_t client)
{
    int fd = control->clients[client].fd;

    control->clients[client] = (struct agent_control_client){.fd = -1};
    return fd;
}

/* A client that does not read is given up. */
void agent_control_answer(struct agent_control *control, size_t client,
                          struct span answer)
{
    const struct timeval patience = {.tv_sec = AGENT_CONTROL_WAIT_S};
    struct agent_control_client *c = &control->clients[client];

    if (c->fd < 0)
        return;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)fcntl(c->fd, F_SETFL, 0); /* it blocks now, for so long */
    while (answer.len > 0) {
        ssize_t put = send(c->fd, answer.data, answer.len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        answer = span_slice(answer, (size_t)put, answer.len);
    }
    let_go(c);
}

/* ---- the other end ---- */

static enum err receive(int fd, struct buf *b, struct err_info *why)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    for (;;) {
        if (interrupt_signal() != 0)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        if (interrupt_poll(&polled, 1, -1, 0) <= 0)
            continue;
        uint8_t *to = buf_reserve(b, AGENT_CONTROL_REQUEST);
        ssize_t got = to != NULL ? recv(fd, to, AGENT_CONTROL_REQUEST, 0) : -1;
        if (got < 0)
            return err_set(why, ERR_IO, "the agent's answer cannot be read");
        if (got == 0)
            return b->len > 0 ? ERR_OK
                              : err_set(why, ERR_IO,
                                        "the agent went away without an "
                                        "answer");
        b->len += (size_t)got;
    }
}

enum err agent_control_ask(struct arena *a, const char *path, struct span question,
                           const struct json **answer, struct span *text,
                           struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(AGENT_CONTROL_ANSWER_MAX);
    int fd = -1;

    TRY(agent_line_reach(path, &fd, why));
    bool sent = file_write_all(fd, question);
    enum err result =
        sent ? receive(fd, &b, why) : err_set(why, ERR_IO, "the agent went away");
    (void)close(fd);
    TRY(result);
    *text = arena_span(a, buf_span(&b));
    return json_read_up_to(a, *text, AGENT_CONTROL_ANSWER_MAX, answer, why);
}
