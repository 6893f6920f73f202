/* Tests of core/net/socket on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/net/socket.h"

#define PATIENCE_MS 20000

static struct address address_of(const char *text)
{
    struct address a;

    assert_true(address_parse_with_port(span_of(text), 0, &a));
    return a;
}

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void meets(const char *listen_at, const char *connect_to, const char *peer_is)
{
    struct err_info why = {0};
    struct address local;
    struct address peer;
    int listener = -1;
    int out = -1;
    int in = -1;

    struct address at = address_of(listen_at);
    assert_int_equal(socket_listen(&at, false, &listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(listener, &local, &why), ERR_OK);
    assert_true(local.port != 0);
    assert_int_equal(socket_accept(listener, &in, &peer), SOCKET_NOTHING);
    assert_int_equal(in, -1);
    struct address to = address_of(connect_to);
    to.port = local.port;
    assert_int_equal(socket_connect_begin(&to, &out, &why), ERR_OK);
    wait_for(out, POLLOUT);
    assert_int_equal(socket_connect_end(out, &why), ERR_OK);
    wait_for(listener, POLLIN);
    assert_int_equal(socket_accept(listener, &in, &peer), SOCKET_ACCEPTED);
    struct address expected = address_of(peer_is);
    assert_true(address_equal(&peer, &expected));
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? in : out;
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    }
    (void)close(in);
    (void)close(out);
    (void)close(listener);
}

static void listens_and_connects(void **state)
{
    (void)state;
    meets("127.0.0.1:0", "127.0.0.1", "127.0.0.1");
    meets("[::1]:0", "[::1]", "[::1]");
    meets("[::]:0", "127.0.0.1",
          "127.0.0.1"); /* "::" takes IPv4 too, and says so plainly */
}

static void refusals(void **state)
{
    struct err_info why = {0};
    struct address at = address_of("127.0.0.1:0");
    int listener = -1;
    int second = -1;
    int pipes[2];

    (void)state;
    assert_int_equal(socket_listen(&at, false, &listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(listener, &at, &why), ERR_OK);
    assert_int_equal(socket_listen(&at, false, &second, &why), ERR_NETWORK);
    assert_int_equal(second, -1);
    assert_non_null(strstr(why.detail, "127.0.0.1:"));
    (void)close(listener);
    /* nobody listens there any more */
    enum err begun = socket_connect_begin(&at, &second, &why);
    if (begun == ERR_OK) {
        wait_for(second, POLLOUT);
        assert_int_equal(socket_connect_end(second, &why), ERR_NETWORK);
        (void)close(second);
    }
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(socket_adopt_listener(pipes[0], &why), ERR_NETWORK);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void shares_a_port(void **state)
{
    struct err_info why = {0};
    struct address at = address_of("127.0.0.1:0");
    int one = -1;
    int two = -1;

    (void)state;
    assert_int_equal(socket_listen(&at, true, &one, &why), ERR_OK);
    assert_int_equal(socket_local_address(one, &at, &why), ERR_OK);
    assert_int_equal(socket_listen(&at, true, &two, &why), ERR_OK);
    (void)close(one);
    (void)close(two);
}

/* As systemd or a supervisor hands it over: blocking, not closed on exec. */
static void adopts(void **state)
{
    struct err_info why = {0};
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(bind(fd, (const struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(socket_adopt_listener(fd, &why), ERR_NETWORK);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(socket_adopt_listener(fd, &why), ERR_OK);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    (void)close(fd);
}

/* Without a descriptor to be had it says so, and goes on when there is one. */
static void runs_out(void **state)
{
    struct err_info why = {0};
    struct address at = address_of("127.0.0.1:0");
    struct address peer;
    struct rlimit before;
    int listener = -1;
    int out = -1;
    int in = -1;

    (void)state;
    assert_int_equal(socket_listen(&at, false, &listener, &why), ERR_OK);
    assert_int_equal(socket_local_address(listener, &at, &why), ERR_OK);
    assert_int_equal(socket_connect_begin(&at, &out, &why), ERR_OK);
    wait_for(listener, POLLIN);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {(rlim_t)out + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum socket_accept_result result = socket_accept(listener, &in, &peer);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, SOCKET_EXHAUSTED);
    assert_int_equal(socket_accept(listener, &in, &peer), SOCKET_ACCEPTED);
    (void)close(in);
    (void)close(out);
    (void)close(listener);
    assert_int_equal(socket_accept(listener, &in, &peer), SOCKET_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_and_connects),
        cmocka_unit_test(refusals),
        cmocka_unit_test(shares_a_port),
        cmocka_unit_test(adopts),
        cmocka_unit_test(runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
