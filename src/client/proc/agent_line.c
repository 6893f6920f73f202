/* Asking the agent. */
#include "client/proc/agent_line.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"

enum err agent_line_address(const char *path, struct sockaddr_un *to,
                            struct err_info *why)
{
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to->sun_path)
        return err_set(why, ERR_CONFIG,
                       "agent.socket: %.200s is too long for a socket, which may have "
                       "%zu octets; say another one",
                       path, sizeof to->sun_path - 1);
    memcpy(to->sun_path, path, strlen(path) + 1);
    return ERR_OK;
}

enum err agent_line_reach(const char *path, int *fd, struct err_info *why)
{
    struct sockaddr_un to;

    TRY(agent_line_address(path, &to, why));
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return err_set_os(why, ERR_IO, errno, "cannot make a socket");
    if (connect(made, (const struct sockaddr *)&to, sizeof to) != 0) {
        int reason = errno;
        (void)close(made);
        if (reason == EACCES || reason == EPERM)
            return err_set_os(why, ERR_UNAUTHORIZED, reason, "cannot ask the agent at %s",
                              path);
        return err_set(why, ERR_UNAVAILABLE,
                       "no agent answers at %s; start one with: cairn agent", path);
    }
    *fd = made;
    return ERR_OK;
}

static enum err gone(struct err_info *why)
{
    return err_set(why, ERR_IO, "the agent went away without an answer");
}

static enum err send_question(int fd, struct span question, struct err_info *why)
{
    while (question.len > 0) {
        ssize_t put = send(fd, question.data, question.len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return gone(why);
        question = span_slice(question, (size_t)put, question.len);
    }
    return ERR_OK;
}

static enum err receive_line(int fd, char line[AGENT_LINE_MAX], size_t *len,
                             struct err_info *why)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int64_t end_us = clock_monotonic_us() + AGENT_LINE_WAIT_MS * 1000LL;

    for (*len = 0; *len == 0 || line[*len - 1] != '\n';) {
        if (interrupt_signal() != 0)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        if (clock_monotonic_us() >= end_us)
            return err_set(why, ERR_TIMEOUT, "the agent does not answer");
        if (interrupt_poll(&polled, 1, (end_us - clock_monotonic_us() + 999) / 1000, 0) <=
            0)
            continue;
        ssize_t got = recv(fd, line + *len, AGENT_LINE_MAX - *len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(why);
        *len += (size_t)got;
    }
    return ERR_OK;
}

enum err agent_line_ask(struct arena *a, int fd, struct span question,
                        const struct json **answer, struct err_info *why)
{
    char line[AGENT_LINE_MAX];
    size_t len = 0;

    TRY(send_question(fd, question, why));
    TRY(receive_line(fd, line, &len, why));
    TRY(json_read(a, span_make(line, len), answer, why));
    return agent_line_failure(*answer, why);
}

enum err agent_line_failure(const struct json *answer, struct err_info *why)
{
    const char *name = json_text(json_member(answer, "error"));
    const char *detail = json_text(json_member(answer, "detail"));
    enum err code = ERR_INTERNAL; /* of a newer agent, perhaps */

    if (name == NULL)
        return ERR_OK;
    for (int i = 1; i < ERR_COUNT; i++)
        if (strcmp(err_name((enum err)i), name) == 0)
            code = (enum err)i;
    (void)err_set(why, code, "%s", detail != NULL ? detail : name);
    int64_t wait = json_whole(json_member(answer, "retry_after"));
    if (wait > 0 && wait < INT32_MAX)
        why->retry_after_seconds = (int)wait;
    return code;
}
