/* Tests of client/solve/splice: what goes in at one end comes out at the other, and who
 * is ours is handed over whole. With real servers and CAs it is tested in tests/flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/solve/splice.h"
#include "core/base/text.h"
#include "core/net/socket.h"

#define MEGABYTES 8
/* a ClientHello for a.test with "acme-tls/1", as client_hello_test.c makes them */
#define HELLO_HEAD                                                                       \
    "\x16\x03\x01\0\x4f\x01\0\0\x4b\x03\x03"                                             \
    "0123456789abcdef0123456789abcdef"                                                   \
    "\0\0\x02\x13\x01\x01\0\0\x20"
#define HELLO_NAME                                                                       \
    "\0\0\0\x0b\0\x09\0\0\x06"                                                           \
    "a.test"
#define HELLO_ACME                                                                       \
    "\0\x10\0\x0d\0\x0b\x0a"                                                             \
    "acme-tls/1"
#define HELLO      HELLO_HEAD HELLO_NAME HELLO_ACME
#define HELLO_SIZE (sizeof HELLO - 1)

struct place {
    struct loop *loop;
    pthread_t thread;
    struct splice *splice;
    struct splice_options options;
    int door; /* where the server behind listens */
    int taken;
    pthread_mutex_t lock;
    char name[32];
    int added; /* to be added on the loop's thread */
};

static bool is_ours(void *argument, struct span name)
{
    struct place *p = argument;

    (void)text_copy(p->name, sizeof p->name, "");
    memcpy(p->name, name.data, name.len < sizeof p->name ? name.len : 0);
    return span_is(name, "a.test");
}

static void take(void *argument, int fd)
{
    struct place *p = argument;

    (void)pthread_mutex_lock(&p->lock);
    p->taken = fd;
    (void)pthread_mutex_unlock(&p->lock);
}

static void *run(void *argument)
{
    loop_run(argument);
    return NULL;
}

static void add(void *argument)
{
    struct place *p = argument;
    struct address peer = {ADDRESS_V4, 1234, {192, 0, 2, 1}};

    assert_true(splice_add(p->splice, p->added, &peer));
}

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);
    struct err_info why = {0};
    struct address any = {.family = ADDRESS_V4, .octets = {127, 0, 0, 1}};

    p->taken = -1;
    p->options = (struct splice_options){
        .is_ours = is_ours, .take = take, .argument = p, .behind = any};
    (void)pthread_mutex_init(&p->lock, NULL);
    assert_int_equal(loop_new(&p->loop, &why), ERR_OK);
    assert_int_equal(socket_listen(&any, false, &p->door, &why), ERR_OK);
    assert_int_equal(socket_local_address(p->door, &p->options.behind, &why), ERR_OK);
    *state = p;
    return 0;
}

static void begin(struct place *p)
{
    p->splice = splice_new(p->loop, &p->options);
    assert_int_equal(pthread_create(&p->thread, NULL, run, p->loop), 0);
}

static int tear_down(void **state)
{
    struct place *p = *state;

    loop_stop(p->loop);
    (void)pthread_join(p->thread, NULL);
    splice_free(p->splice);
    loop_free(p->loop);
    (void)close(p->door);
    if (p->taken >= 0)
        (void)close(p->taken);
    test_free(p);
    return 0;
}

/* A connection over TCP, its other end added to the splice. */
static int come(struct place *p)
{
    struct address any = {.family = ADDRESS_V4, .octets = {127, 0, 0, 1}};
    struct address peer;
    struct err_info why = {0};
    int listener = -1;
    int fd = -1;

    assert_int_equal(socket_listen(&any, false, &listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(listener, &any, &why), ERR_OK);
    assert_int_equal(socket_connect_begin(&any, &fd, &why), ERR_OK);
    struct pollfd wait = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(socket_accept(listener, &p->added, &peer), SOCKET_ACCEPTED);
    (void)close(listener);
    loop_post(p->loop, add, p);
    return fd;
}

static int accept_behind(struct place *p)
{
    struct pollfd wait = {.fd = p->door, .events = POLLIN};
    struct address peer;
    int fd = -1;

    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(socket_accept(p->door, &fd, &peer), SOCKET_ACCEPTED);
    return fd;
}

/* So many octets, or fewer at its end. */
static size_t read_all(int fd, uint8_t *to, size_t len)
{
    size_t done = 0;

    while (done < len) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 10000), 1);
        ssize_t n = recv(fd, to + done, len - done, 0);
        if (n == 0)
            break;
        assert_true(n > 0 || errno == EAGAIN);
        done += n > 0 ? (size_t)n : 0;
    }
    return done;
}

static void write_all(int fd, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        assert_int_equal(poll(&wait, 1, 10000), 1);
        ssize_t n = send(fd, (const char *)data + done, len - done, MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        done += n > 0 ? (size_t)n : 0;
    }
}

struct flood {
    int fd;
    uint8_t first;
};

static uint8_t octet(size_t i, uint8_t first)
{
    return (uint8_t)(first + i * 31 + i / 251);
}

static void *send_flood(void *argument)
{
    const struct flood *f = argument;
    static const size_t len = MEGABYTES << 20;
    uint8_t block[4096];

    for (size_t at = 0; at < len; at += sizeof block) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = octet(at + i, f->first);
        write_all(f->fd, block, sizeof block);
    }
    (void)shutdown(f->fd, SHUT_WR);
    return NULL;
}

static void expect_flood(int fd, uint8_t first)
{
    static const size_t len = MEGABYTES << 20;
    uint8_t block[4096];

    for (size_t at = 0; at < len; at += sizeof block) {
        assert_int_equal(read_all(fd, block, sizeof block), sizeof block);
        for (size_t i = 0; i < sizeof block; i++)
            assert_int_equal(block[i], octet(at + i, first));
    }
    assert_int_equal(read_all(fd, block, 1), 0);
}

/* One after the other, so that each direction is full while the other is idle, and a
 * direction lives on when the other has ended. */
static void floods(void **state)
{
    struct place *p = *state;
    pthread_t thread;

    begin(p);
    int client = come(p);
    write_all(client, "x", 1);
    int server = accept_behind(p);
    uint8_t first;
    assert_int_equal(read_all(server, &first, 1), 1);
    struct flood up = {client, 1};
    struct flood down = {server, 2};
    assert_int_equal(pthread_create(&thread, NULL, send_flood, &up), 0);
    (void)usleep(100000); /* all buffers are full now */
    expect_flood(server, 1);
    (void)pthread_join(thread, NULL);
    assert_int_equal(pthread_create(&thread, NULL, send_flood, &down), 0);
    (void)usleep(100000);
    expect_flood(client, 2);
    (void)pthread_join(thread, NULL);
    (void)close(client);
    (void)close(server);
}

static void who_is_ours(void **state)
{
    struct place *p = *state;
    uint8_t octets[256];

    begin(p);
    int client = come(p);
    for (size_t i = 0; i < HELLO_SIZE; i += 20) { /* in pieces */
        write_all(client, &HELLO[i], HELLO_SIZE - i < 20 ? HELLO_SIZE - i : 20);
        (void)usleep(2000);
    }
    int taken = -1;
    for (int i = 0; i < 500 && taken < 0; i++) {
        (void)usleep(10000);
        (void)pthread_mutex_lock(&p->lock);
        taken = p->taken;
        (void)pthread_mutex_unlock(&p->lock);
    }
    assert_true(taken >= 0);
    assert_string_equal(p->name, "a.test");
    assert_int_equal(read_all(taken, octets, HELLO_SIZE), HELLO_SIZE);
    assert_memory_equal(octets, HELLO, HELLO_SIZE);
    (void)close(client);
}

static void who_is_not(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } rows[] = {{"GET / HTTP/1.0\r\n\r\n", 18}, {HELLO, 40}, {"\x16", 1}, {"", 0}};
    struct place *p = *state;
    uint8_t octets[256];

    begin(p);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int client = come(p);
        write_all(client, rows[i].octets, rows[i].len);
        (void)shutdown(client, SHUT_WR); /* broken off: the server decides */
        int server = accept_behind(p);
        assert_int_equal(read_all(server, octets, sizeof octets), rows[i].len);
        assert_memory_equal(octets, rows[i].octets, rows[i].len);
        write_all(server, "no", 2);
        (void)close(server);
        assert_int_equal(read_all(client, octets, sizeof octets), 2);
        (void)close(client);
    }
}

static void proxy_headers(void **state)
{
    struct place *p = *state;
    uint8_t octets[256];

    p->options.proxy = SPLICE_PROXY_V1;
    begin(p);
    int client = come(p);
    write_all(client, "hello", 5);
    int server = accept_behind(p);
    (void)shutdown(client, SHUT_WR);
    size_t n = read_all(server, octets, sizeof octets - 1);
    octets[n] = '\0';
    assert_ptr_equal(strstr((char *)octets, "PROXY TCP4 192.0.2.1 127.0.0.1 1234 "),
                     octets);
    assert_non_null(strstr((char *)octets, "\r\nhello"));
    (void)close(client);
    (void)close(server);
}

static void nobody_behind(void **state)
{
    struct place *p = *state;
    uint8_t one;

    (void)close(p->door);
    p->door = -1;
    begin(p);
    int client = come(p);
    write_all(client, "x", 1);
    struct pollfd wait = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_true(recv(client, &one, 1, 0) <= 0);
    (void)close(client);
}

static void ways(void **state)
{
    struct splice_options o = {0};
    (void)state;

    assert_true(splice_read("splice:127.0.0.1:8443", &o));
    assert_int_equal(o.behind.port, 8443);
    assert_true(splice_read("splice+proxy:[::1]:8443", &o));
    assert_int_equal(o.proxy, SPLICE_PROXY_V1);
    assert_true(splice_read("splice+proxy-v2:192.0.2.1:1", &o));
    assert_int_equal(o.proxy, SPLICE_PROXY_V2);
    assert_false(splice_read("splice:127.0.0.1", &o));
    assert_false(splice_read("splice:host:1", &o));
    assert_false(splice_read("splice", &o));
    assert_false(splice_read("standalone", &o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(floods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proxy_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_behind, set_up, tear_down),
        cmocka_unit_test(ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
