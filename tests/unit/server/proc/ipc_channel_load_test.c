/* Tests of server/proc/ipc_channel under load: a peer that does not read, many senders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/proc/ipc_channel.h"

static void make_sockets(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

/* Nobody answers the one who only sends. */
static enum err unexpected(struct ipc_channel *c, struct ipc_message *m, void *context,
                           struct err_info *why)
{
    (void)c;
    (void)context;
    return err_set(why, ERR_PROTOCOL, "%s", ipc_type_name(m->type));
}

static void count_blocked(void *context)
{
    ++*(size_t *)context;
}

static uint64_t tbs_size(uint64_t id)
{
    return id * 7919 % 65536;
}

static uint64_t next_sign; /* the id that must come next */

static enum err on_sign(struct ipc_channel *c, struct ipc_message *m, void *context,
                        struct err_info *why)
{
    (void)c;
    (void)context;
    (void)why;
    assert_int_equal(m->as_sign.id, next_sign);
    assert_int_equal(m->as_sign.tbs.len, tbs_size(next_sign));
    for (size_t i = 0; i < m->as_sign.tbs.len; i += 997)
        assert_int_equal(m->as_sign.tbs.data[i], (uint8_t)next_sign);
    next_sign++;
    return ERR_OK;
}

/* Fill the socket, then the queue; then everything arrives, whole and in order. */
static void backpressure(void **state)
{
    static uint8_t tbs[65536];
    int fds[2];
    size_t blocked = 0;
    uint64_t sent = 0;
    struct err_info why = {0};
    enum err result;

    (void)state;
    make_sockets(fds);
    struct ipc_channel *front =
        ipc_channel_new(fds[0], IPC_FRONT, IPC_SIGNER, unexpected, NULL);
    struct ipc_channel *signer =
        ipc_channel_new(fds[1], IPC_SIGNER, IPC_FRONT, on_sign, NULL);
    ipc_channel_set_blocked(front, count_blocked, &blocked);
    assert_false(ipc_channel_wants_write(front));
    do {
        struct message_sign m = {.id = sent, .tbs = span_make(tbs, tbs_size(sent))};
        memset(tbs, (int)(uint8_t)sent, sizeof tbs);
        result = ipc_channel_send_sign(front, &m, &why);
    } while (result == ERR_OK && ++sent < 100000);
    assert_int_equal(result, ERR_UNAVAILABLE);
    assert_true(sent > 200);
    assert_true(ipc_channel_wants_write(front));
    assert_int_equal(blocked, 1);
    next_sign = 0;
    while (next_sign < sent) {
        uint64_t before = next_sign;
        assert_int_equal(ipc_channel_on_readable(signer, &why), ERR_OK);
        assert_int_equal(ipc_channel_on_writable(front, &why), ERR_OK);
        assert_true(next_sign > before);
    }
    assert_false(ipc_channel_wants_write(front));
    struct message_sign last = {.id = sent, .tbs = span_make(tbs, tbs_size(sent))};
    memset(tbs, (int)(uint8_t)sent, sizeof tbs);
    assert_int_equal(ipc_channel_send_sign(front, &last, &why), ERR_OK);
    assert_int_equal(ipc_channel_on_readable(signer, &why), ERR_OK);
    assert_int_equal(next_sign, sent + 1);
    ipc_channel_free(front);
    ipc_channel_free(signer);
}

#define THREADS    4
#define PER_THREAD 3000

struct sender {
    struct ipc_channel *channel;
    uint64_t first;
    pthread_t thread;
};

static void *send_many(void *argument)
{
    const struct sender *s = argument;

    for (uint64_t i = 0; i < PER_THREAD; i++) {
        struct message_check m = {.id = s->first + i, .token = span_of("token")};
        while (ipc_channel_send_check(s->channel, &m, NULL) != ERR_OK)
            (void)sched_yield();
    }
    return NULL;
}

static uint64_t next_of[THREADS];
static size_t arrived;

static enum err on_threaded(struct ipc_channel *c, struct ipc_message *m, void *context,
                            struct err_info *why)
{
    uint64_t of = m->as_check.id / PER_THREAD;

    (void)c;
    (void)context;
    (void)why;
    assert_true(of < THREADS);
    assert_int_equal(m->as_check.id % PER_THREAD, next_of[of]);
    next_of[of]++;
    arrived++;
    return ERR_OK;
}

static void wake(void *context)
{
    assert_int_equal(write(*(int *)context, "", 1), 1);
}

static void *drain(void *argument)
{
    struct ipc_channel *const channels[] = {argument};
    size_t failed = 0;
    struct err_info why = {0};

    while (arrived < (size_t)THREADS * PER_THREAD)
        assert_int_equal(ipc_channel_wait(channels, 1, 5000, &failed, &why), ERR_OK);
    return NULL;
}

/* Many threads send; all of it arrives, and in each sender's order. */
static void many_senders(void **state)
{
    struct sender senders[THREADS];
    pthread_t receiver;
    int fds[2], wakes[2], small = 4096;
    struct err_info why = {0};

    (void)state;
    make_sockets(fds);
    assert_int_equal(pipe(wakes), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    struct ipc_channel *front =
        ipc_channel_new(fds[0], IPC_FRONT, IPC_VALIDATOR, unexpected, NULL);
    struct ipc_channel *validator =
        ipc_channel_new(fds[1], IPC_VALIDATOR, IPC_FRONT, on_threaded, NULL);
    ipc_channel_set_blocked(front, wake, &wakes[1]);
    assert_int_equal(pthread_create(&receiver, NULL, drain, validator), 0);
    for (size_t i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){.channel = front, .first = i * PER_THREAD};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_many, &senders[i]),
                         0);
    }
    /* the loop: woken when something waits for room, it watches for that room */
    struct pollfd polled[] = {{wakes[0], POLLIN, 0}, {fds[0], 0, 0}};
    bool running = true;
    while (running) {
        char octet;
        polled[1].events = ipc_channel_wants_write(front) ? POLLOUT : 0;
        int ready = poll(polled, 2, 300);
        running = ready > 0 || polled[1].events != 0;
        if ((polled[0].revents & POLLIN) != 0)
            assert_int_equal(read(wakes[0], &octet, 1), 1);
        if ((polled[1].revents & POLLOUT) != 0)
            assert_int_equal(ipc_channel_on_writable(front, &why), ERR_OK);
    }
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(senders[i].thread, NULL);
    (void)pthread_join(receiver, NULL);
    assert_int_equal(arrived, (size_t)THREADS * PER_THREAD);
    ipc_channel_free(front);
    ipc_channel_free(validator);
    (void)close(wakes[0]);
    (void)close(wakes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backpressure),
        cmocka_unit_test(many_senders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
