/* Messages between the processes of cairn. */
#include "client/proc/wire.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/text.h"

#define AT_ONCE_US 10000000 /* for who answers at once, on a machine that is busy */

/* What stands before the fields. */
struct head {
    uint32_t type;
    uint32_t count;
    uint32_t len[WIRE_FIELDS_MAX]; /* octets of each field */
};

/* Ctrl-C is for all of them, and the others may have ended first. */
static enum err gone(struct err_info *why)
{
    if (interrupt_signal() != 0)
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    return err_set(why, ERR_IO, "another process of cairn ended unexpectedly");
}

static enum err send_all(int fd, const void *data, size_t len, struct err_info *why)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return gone(why);
        at += put;
        len -= (size_t)put;
    }
    return ERR_OK;
}

static struct head head_of(const struct wire_message *m)
{
    struct head h = {.type = (uint32_t)m->type, .count = (uint32_t)m->count};

    for (size_t i = 0; i < m->count; i++)
        h.len[i] = (uint32_t)m->fields[i].len;
    return h;
}

static enum err send_fields(int fd, const struct wire_message *m, struct err_info *why)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->fields[i].len > 0)
            TRY(send_all(fd, m->fields[i].data, m->fields[i].len, why));
    return ERR_OK;
}

enum err wire_send(int fd, const struct wire_message *m, struct err_info *why)
{
    struct head h = head_of(m);

    TRY(send_all(fd, &h, sizeof h, why));
    return send_fields(fd, m, why);
}

enum err wire_send_descriptor(int fd, const struct wire_message *m, int passed,
                              struct err_info *why)
{
    struct head h = head_of(m);
    struct iovec part = {&h, sizeof h};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof passed);
    memcpy(CMSG_DATA(c), &passed, sizeof passed);
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)sizeof h)
        return gone(why);
    return send_fields(fd, m, why);
}

/* ---- receiving ---- */

static void take_descriptor(struct msghdr *message, int *passed)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);

    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof *passed))
        memcpy(passed, CMSG_DATA(c), sizeof *passed);
}

/* How long a message is waited for. */
struct patience {
    int signals;    /* that many are passed over */
    int64_t end_us; /* 0: no end */
};

/* Until there is something to read. Who has nothing to do is not woken. */
static enum err wait_readable(int fd, const struct patience *p, struct err_info *why)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int ready = 0;

    while (ready <= 0) {
        int64_t left_us = p->end_us - clock_monotonic_us();
        if (interrupt_count() > p->signals)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        if (p->end_us != 0 && left_us <= 0)
            return err_set(why, ERR_TIMEOUT, "another process of cairn does not answer");
        ready = interrupt_poll(&polled, 1, p->end_us != 0 ? (left_us + 999) / 1000 : -1,
                               p->signals);
        if (ready < 0 && errno != EINTR)
            return gone(why);
    }
    return ERR_OK;
}

static enum err receive_all(int fd, void *data, size_t len, int *passed,
                            const struct patience *patience, struct err_info *why)
{
    uint8_t *at = data;

    while (len > 0) {
        struct iovec part = {at, len};
        union {
            struct cmsghdr align;
            char room[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (passed != NULL) {
            message.msg_control = control.room;
            message.msg_controllen = sizeof control.room;
        }
        TRY(wait_readable(fd, patience, why));
        ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(why);
        if (passed != NULL)
            take_descriptor(&message, passed);
        at += got;
        len -= (size_t)got;
    }
    return ERR_OK;
}

static enum err receive(struct arena *a, int fd, struct wire_message *m, int *passed,
                        const struct patience *patience, struct err_info *why)
{
    struct wire_message read = {0};
    struct head h;
    size_t total = 0;

    if (passed != NULL)
        *passed = -1;
    TRY(receive_all(fd, &h, sizeof h, passed, patience, why));
    if (h.type >= WIRE_TYPE_COUNT || h.count > WIRE_FIELDS_MAX)
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    read.type = (enum wire_type)h.type;
    read.count = h.count;
    for (size_t i = 0; i < read.count; i++) {
        if (h.len[i] > WIRE_MESSAGE_MAX || (total += h.len[i]) > WIRE_MESSAGE_MAX)
            return err_set(why, ERR_PROTOCOL, "a message between processes is too large");
        char *field = arena_get(a, h.len[i] + 1); /* with a NUL behind it */
        TRY(receive_all(fd, field, h.len[i], NULL, patience, why));
        read.fields[i] = span_make(field, h.len[i]);
    }
    *m = read;
    return ERR_OK;
}

enum err wire_receive(struct arena *a, int fd, struct wire_message *m, int *passed,
                      struct err_info *why)
{
    const struct patience patience = {0};

    return receive(a, fd, m, passed, &patience, why);
}

enum err wire_receive_until(struct arena *a, int fd, struct wire_message *m,
                            int64_t end_us, struct err_info *why)
{
    const struct patience patience = {.signals = interrupt_count(), .end_us = end_us};

    return receive(a, fd, m, NULL, &patience, why);
}

enum err wire_receive_on(struct arena *a, int fd, struct wire_message *m, int *passed,
                         struct err_info *why)
{
    const struct patience patience = {.signals = INT_MAX,
                                      .end_us = clock_monotonic_us() + AT_ONCE_US};

    return receive(a, fd, m, passed, &patience, why);
}

/* ---- failures and calls ---- */

enum err wire_send_failure(int fd, const struct err_info *failure, struct err_info *why)
{
    char code[16];
    char wait[16];

    (void)snprintf(code, sizeof code, "%d", (int)failure->code);
    (void)snprintf(wait, sizeof wait, "%d", failure->retry_after_seconds);
    const struct wire_message m = {
        WIRE_FAIL, {span_of(code), span_of(wait), span_of(failure->detail)}, 3};
    return wire_send(fd, &m, why);
}

enum err wire_failure(const struct wire_message *m, struct err_info *why)
{
    uint64_t code = 0;
    uint64_t wait = 0;

    if (m->type != WIRE_FAIL || m->count != 3 ||
        !text_number(m->fields[0], ERR_COUNT - 1, &code) || code == ERR_OK ||
        !text_number(m->fields[1], INT32_MAX, &wait))
        return err_set(why, ERR_PROTOCOL, "a message between processes is malformed");
    enum err result = err_set(why, (enum err)code, "%.*s", (int)m->fields[2].len,
                              (const char *)m->fields[2].data);
    if (why != NULL)
        why->retry_after_seconds = (int)wait;
    return result;
}

enum err wire_call(struct arena *a, int fd, const struct wire_message *m,
                   struct span *answer, struct err_info *why)
{
    struct wire_message back;

    TRY(wire_send(fd, m, why));
    TRY(wire_receive(a, fd, &back, NULL, why));
    if (back.type != WIRE_ANSWER)
        return wire_failure(&back, why);
    if (answer != NULL)
        *answer = back.count > 0 ? back.fields[0] : span_of("");
    return ERR_OK;
}
