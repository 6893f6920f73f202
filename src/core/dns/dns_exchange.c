/* Exchanges: one descriptor each, one poll for all. */
#include "core/dns/dns_exchange.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/dns/dns_cursor.h"
#include "core/net/socket.h"

#define UDP_ANSWER_MAX  4096
#define TCP_ANSWER_MAX  65535
#define FIRST_RESEND_US 1000000 /* then twice as long each time */
#define FLAG_RESPONSE   0x80
#define FLAG_TRUNCATED  0x02
#define LENGTH_SIZE     2 /* octets before a message on TCP (RFC 1035 4.2.2) */

enum phase { UDP_WAIT, TCP_CONNECT, TCP_SEND, TCP_RECEIVE, OVER };

/* One exchange under way. */
struct line {
    struct dns_exchange *e;
    struct arena *arena;
    enum phase phase;
    int fd; /* -1: none */
    int64_t resend_us, resend_after_us;
    uint8_t *data; /* what is sent, then received, on TCP */
    size_t done, size;
};

static void hang_up(struct line *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

static void end(struct line *l, int os_error)
{
    hang_up(l);
    l->phase = OVER;
    l->e->os_error = os_error;
}

static void finish(struct line *l, const uint8_t *data, size_t len)
{
    l->e->answer = span_make(arena_copy(l->arena, data, len), len);
    end(l, 0);
}

/* Is it an answer to what was sent? On UDP everybody can send something. */
static bool is_answer(const struct line *l, const uint8_t *data, size_t len)
{
    return len >= DNS_HEADER_SIZE && memcmp(data, l->e->message.data, 2) == 0 &&
           (data[2] & FLAG_RESPONSE) != 0;
}

/* ---- TCP ---- */

static void tcp_begin(struct line *l)
{
    size_t len = l->e->message.len;
    struct err_info why = {0};

    hang_up(l);
    if (socket_connect_begin(&l->e->to, &l->fd, &why) != ERR_OK) {
        l->fd = -1;
        end(l, why.os_error != 0 ? why.os_error : ENETUNREACH);
        return;
    }
    l->data = arena_get(l->arena, LENGTH_SIZE + len);
    l->data[0] = (uint8_t)(len >> 8);
    l->data[1] = (uint8_t)len;
    memcpy(l->data + LENGTH_SIZE, l->e->message.data, len);
    l->size = LENGTH_SIZE + len;
    l->done = 0;
    l->phase = TCP_CONNECT;
}

static void tcp_send(struct line *l)
{
    struct err_info why = {0};

    if (l->phase == TCP_CONNECT && socket_connect_end(l->fd, &why) != ERR_OK) {
        end(l, why.os_error != 0 ? why.os_error : ECONNREFUSED);
        return;
    }
    l->phase = TCP_SEND;
    l->e->arrived = true;
    ssize_t put = send(l->fd, l->data + l->done, l->size - l->done, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        end(l, errno);
        return;
    }
    l->done += put > 0 ? (size_t)put : 0;
    if (l->done < l->size)
        return;
    l->phase = TCP_RECEIVE;
    l->data = arena_get(l->arena, LENGTH_SIZE + TCP_ANSWER_MAX);
    l->size = LENGTH_SIZE;
    l->done = 0;
}

static void tcp_receive(struct line *l)
{
    ssize_t got = recv(l->fd, l->data + l->done, l->size - l->done, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(l, got < 0 ? errno : ECONNRESET);
        return;
    }
    l->done += (size_t)got;
    if (l->done < l->size)
        return;
    if (l->size == LENGTH_SIZE)
        l->size += (size_t)l->data[0] << 8 | l->data[1];
    if (l->done < l->size)
        return;
    if (is_answer(l, l->data + LENGTH_SIZE, l->size - LENGTH_SIZE))
        finish(l, l->data + LENGTH_SIZE, l->size - LENGTH_SIZE);
    else
        end(l, EPROTO);
}

/* ---- UDP ---- */

static void udp_begin(struct line *l)
{
    struct sockaddr_storage sa;
    socklen_t size = address_to_sockaddr(&l->e->to, &sa);

    l->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || connect(l->fd, (const struct sockaddr *)&sa, size) != 0)
        end(l, errno);
    l->resend_after_us = FIRST_RESEND_US;
}

static void udp_send(struct line *l, int64_t now)
{
    const struct span *m = &l->e->message;

    if (send(l->fd, m->data, m->len, MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
        errno != EINTR) {
        end(l, errno);
        return;
    }
    l->e->arrived = true;
    l->resend_us = now + l->resend_after_us;
    l->resend_after_us *= 2;
}

static void udp_receive(struct line *l)
{
    uint8_t data[UDP_ANSWER_MAX];
    ssize_t got = recv(l->fd, data, sizeof data, 0);

    if (got < 0 && errno != EAGAIN && errno != EINTR) {
        l->e->arrived = false; /* ICMP says so */
        end(l, errno);
    }
    if (got < 0 || l->phase == OVER || !is_answer(l, data, (size_t)got))
        return;
    if ((data[2] & FLAG_TRUNCATED) != 0)
        tcp_begin(l);
    else
        finish(l, data, (size_t)got);
}

/* ---- all of them ---- */

static void step(struct line *l, short events)
{
    if (events == 0)
        return;
    switch (l->phase) {
    case UDP_WAIT:
        udp_receive(l);
        break;
    case TCP_CONNECT:
    case TCP_SEND:
        tcp_send(l);
        break;
    case TCP_RECEIVE:
        tcp_receive(l);
        break;
    case OVER:
        break;
    }
}

/* Send what is due; returns how long the next may be waited for. */
static int64_t send_due(struct line *lines, size_t count, int64_t now, int64_t end_us,
                        size_t *open)
{
    int64_t next = end_us;

    *open = 0;
    for (size_t i = 0; i < count; i++) {
        struct line *l = &lines[i];
        if (l->phase == UDP_WAIT && now >= l->resend_us)
            udp_send(l, now);
        if (l->phase == UDP_WAIT && l->resend_us < next)
            next = l->resend_us;
        *open += l->phase != OVER;
    }
    return next - now;
}

static enum err wait_for(struct line *lines, size_t count, int64_t wait_us, int stop,
                         struct err_info *why)
{
    struct pollfd polled[DNS_EXCHANGE_MAX + 1];

    for (size_t i = 0; i < count; i++) {
        bool writes = lines[i].phase == TCP_CONNECT || lines[i].phase == TCP_SEND;
        polled[i] = (struct pollfd){.fd = lines[i].fd,
                                    .events = (short)(writes ? POLLOUT : POLLIN)};
    }
    polled[count] = (struct pollfd){.fd = stop, .events = POLLIN};
    int ready = poll(polled, count + 1, (int)((wait_us + 999) / 1000));
    if (ready < 0 && errno != EINTR)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot wait for name servers");
    if (ready <= 0)
        return ERR_OK;
    if (polled[count].revents != 0)
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    for (size_t i = 0; i < count; i++)
        if (lines[i].phase != OVER)
            step(&lines[i], polled[i].revents);
    return ERR_OK;
}

static enum err run(struct line *lines, size_t count, int64_t wait_ms, int stop,
                    struct err_info *why)
{
    int64_t end_us = clock_monotonic_us() + wait_ms * 1000;
    size_t open = count;

    while (open > 0) {
        int64_t now = clock_monotonic_us();
        int64_t wait_us = send_due(lines, count, now, end_us, &open);
        if (open == 0 || now >= end_us)
            break;
        TRY(wait_for(lines, count, wait_us > 0 ? wait_us : 0, stop, why));
    }
    return ERR_OK;
}

enum err dns_exchange_all(struct arena *a, struct dns_exchange *list, size_t count,
                          int64_t wait_ms, int stop, struct err_info *why)
{
    struct line *lines = arena_array(a, count + 1, sizeof *lines);

    if (count > DNS_EXCHANGE_MAX)
        return err_set(why, ERR_TOO_LARGE, "more than %d messages to name servers",
                       DNS_EXCHANGE_MAX);
    for (size_t i = 0; i < count; i++) {
        lines[i] = (struct line){.e = &list[i], .arena = a, .fd = -1};
        list[i].answer = span_of("");
        if (list[i].tcp)
            tcp_begin(&lines[i]);
        else
            udp_begin(&lines[i]);
    }
    enum err result = run(lines, count, wait_ms, stop, why);
    for (size_t i = 0; i < count; i++)
        if (lines[i].phase != OVER)
            end(&lines[i], ETIMEDOUT);
    return result;
}

bool dns_exchange_is_unreachable(const struct dns_exchange *e)
{
    return e->answer.len == 0 &&
           (e->os_error == ENETUNREACH || e->os_error == EADDRNOTAVAIL ||
            e->os_error == EAFNOSUPPORT);
}
