/* Tests of core/http/http_server: its contract with who answers the requests, over plain
 * loopback connections. What clients of all kinds may do to it is in tests/flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/http/http_server.h"
#include "core/net/socket.h"

#define PATIENCE_MS 20000
#define KEPT_MAX    64

/* A server, and the requests that its handler keeps for the test to answer. */
struct world {
    atomic_int borrowed;
    struct http_server *server;
    struct address at;
    pthread_mutex_t lock;
    struct http_request *kept[KEPT_MAX];
    size_t kept_count;
    atomic_int refusals;
};

static void pause_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

#define LARGE (12U << 20) /* octets of a body that is borrowed while it is written */

static void put_back(void *borrowed)
{
    atomic_fetch_sub((atomic_int *)borrowed, 1);
}

static struct span large(struct world *w, struct arena *arena)
{
    static uint8_t octets[LARGE];

    for (size_t i = 0; i < LARGE; i++)
        octets[i] = (uint8_t)(i * 2654435761U >> 24);
    atomic_fetch_add(&w->borrowed, 1);
    arena_own(arena, &w->borrowed, put_back);
    return span_make(octets, LARGE);
}

static void answer(struct world *w, struct http_request *r)
{
    struct http_reply reply = {.status = 200};

    if (strcmp(r->path, "/nothing") == 0)
        reply.status = 204;
    reply.close = strcmp(r->path, "/close") == 0;
    http_reply_header(&reply, "X-Path", r->path);
    reply.body = span_of(
        arena_printf(r->arena, "%s %s %zu", r->method_text, r->path, r->body.len));
    if (strcmp(r->path, "/large") == 0)
        reply.body = large(w, r->arena);
    http_server_reply(w->server, r, &reply);
}

static void on_request(void *context, struct http_request *r)
{
    struct world *w = context;

    if (strncmp(r->path, "/keep", 5) != 0) {
        answer(w, r);
        return;
    }
    (void)pthread_mutex_lock(&w->lock);
    assert_true(w->kept_count < KEPT_MAX);
    w->kept[w->kept_count++] = r;
    (void)pthread_mutex_unlock(&w->lock);
}

static void on_refusal(void *context, struct arena *arena, int status, const char *detail,
                       struct http_reply *reply)
{
    struct world *w = context;

    atomic_fetch_add(&w->refusals, 1);
    assert_int_equal(reply->status, status);
    http_reply_header(reply, "X-Detail", arena_string(arena, detail));
    reply->body = span_of("own words");
}

static void begin(struct world *w, const struct http_server_limits *limits)
{
    const struct http_server_callbacks callbacks = {
        .context = w, .on_request = on_request, .on_refusal = on_refusal};
    struct err_info why = {0};
    int fd = -1;

    memset(w, 0, sizeof *w);
    (void)pthread_mutex_init(&w->lock, NULL);
    assert_true(address_parse(span_of("127.0.0.1"), &w->at));
    assert_int_equal(socket_listen(&w->at, false, &fd, &why), ERR_OK);
    assert_int_equal(socket_local_address(fd, &w->at, &why), ERR_OK);
    assert_int_equal(http_server_new(limits, &callbacks, &w->server, &why), ERR_OK);
    http_server_listen(w->server, fd, false);
}

static void end(struct world *w)
{
    http_server_free(w->server);
    (void)pthread_mutex_destroy(&w->lock);
}

static int dial(const struct world *w)
{
    struct sockaddr_storage sa;
    socklen_t size = address_to_sockaddr(&w->at, &sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, size), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void ask(int fd, const char *method, const char *path)
{
    char text[256];

    (void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, path);
    say(fd, text);
}

/* Read until `second` is there; `first` must stand before it. */
static void expect_two(int fd, const char *first, const char *second)
{
    char got[4096] = "";
    size_t len = 0;

    while (strstr(got, second) == NULL) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        ssize_t n = recv(fd, got + len, sizeof got - len - 1, 0);
        if (n <= 0)
            print_error("ended before \"%s\": %s\n", second, got);
        assert_true(n > 0);
        len += (size_t)n;
        got[len] = '\0';
    }
    assert_non_null(strstr(got, first));
    assert_true(strstr(got, first) <= strstr(got, second));
}

static void expect(int fd, const char *text)
{
    expect_two(fd, "HTTP/1.1 ", text);
}

static void expect_end(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char octet;

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_true(recv(fd, &octet, 1, 0) <= 0);
}

static struct http_request *wait_kept(struct world *w, size_t count)
{
    struct http_request *last = NULL;

    for (int i = 0; last == NULL && i < PATIENCE_MS; i++) {
        (void)pthread_mutex_lock(&w->lock);
        if (w->kept_count >= count)
            last = w->kept[count - 1];
        (void)pthread_mutex_unlock(&w->lock);
        if (last == NULL)
            pause_ms(1);
    }
    assert_non_null(last);
    return last;
}

static void wait_open(struct world *w, uint64_t count)
{
    for (int i = 0; http_server_counts(w->server).open != count && i < PATIENCE_MS; i++)
        pause_ms(1);
    assert_int_equal(http_server_counts(w->server).open, count);
}

static void answers(void **state)
{
    struct world w;

    (void)state;
    begin(&w, NULL);
    int fd = dial(&w);
    ask(fd, "GET", "/a");
    expect(fd, "X-Path: /a\r\nContent-Length: 8\r\n\r\nGET /a 0");
    ask(fd, "HEAD", "/b");
    expect(fd, "X-Path: /b\r\nContent-Length: 9\r\n\r\n");
    ask(fd, "GET", "/nothing");
    expect(fd, "HTTP/1.1 204 No Content\r\n");
    say(fd, "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    pause_ms(10);
    say(fd, "de");
    expect(fd, "POST /c 5");
    ask(fd, "GET", "/close");
    expect(fd, "Connection: close\r\n\r\nGET /close 0");
    expect_end(fd);
    (void)close(fd);
    wait_open(&w, 0);
    struct http_server_counts counts = http_server_counts(w.server);
    assert_int_equal(counts.accepted, 1);
    assert_int_equal(counts.requests, 5);
    assert_int_equal(counts.refused, 0);
    end(&w);
}

static void take(int fd, uint8_t *to, size_t len)
{
    for (ssize_t n = 0; len > 0; to += n, len -= (size_t)n) {
        n = recv(fd, to, len, 0);
        assert_true(n > 0);
    }
}

static void wait_put_back(struct world *w)
{
    for (int i = 0; atomic_load(&w->borrowed) > 0; i++, pause_ms(1))
        assert_true(i < PATIENCE_MS);
}

/* Written from where it is, and given back then, or when the client goes. */
static void large_bodies(void **state)
{
    static uint8_t got[LARGE];
    struct world w;
    char head[4096] = "";

    (void)state;
    begin(&w, NULL);
    int fd = dial(&w);
    ask(fd, "GET", "/large");
    ask(fd, "GET", "/behind");
    for (size_t len = 0; strstr(head, "\r\n\r\n") == NULL; len++)
        take(fd, (uint8_t *)head + len, 1);
    take(fd, got, LARGE);
    for (size_t i = 0; i < LARGE; i++)
        assert_int_equal(got[i], (uint8_t)(i * 2654435761U >> 24));
    expect(fd, "/behind");
    wait_put_back(&w);
    ask(fd, "GET", "/large");
    take(fd, got, 100000);
    (void)close(fd);
    wait_put_back(&w);
    end(&w);
}

static void refuses_in_own_words(void **state)
{
    struct world w;

    (void)state;
    begin(&w, NULL);
    int fd = dial(&w);
    say(fd, "GET / HTTP/1.1\r\n\r\n");
    expect(fd, "HTTP/1.1 400 Bad Request\r\n");
    expect_end(fd);
    (void)close(fd);
    assert_int_equal(atomic_load(&w.refusals), 1);
    assert_int_equal(http_server_counts(w.server).refused, 1);
    assert_int_equal(http_server_counts(w.server).requests, 0);
    end(&w);
}

/* The reply may come at any time, in any order, from any thread. */
static void *answer_all(void *argument)
{
    struct world *w = argument;

    for (size_t i = KEPT_MAX; i > 0; i--)
        answer(w, w->kept[i - 1]);
    return NULL;
}

static const char *path_of(size_t i, char path[static 32])
{
    (void)snprintf(path, 32, "/keep-%zu", i);
    return path;
}

static void answers_later(void **state)
{
    struct world w;
    int fds[KEPT_MAX];
    pthread_t thread;
    char path[32];

    (void)state;
    begin(&w, NULL);
    for (size_t i = 0; i < KEPT_MAX; i++) {
        fds[i] = dial(&w);
        ask(fds[i], "GET", path_of(i, path));
        /* the next request waits for the answer to the first */
        ask(fds[i], "GET", "/behind");
    }
    (void)wait_kept(&w, KEPT_MAX);
    assert_int_equal(http_server_counts(w.server).requests, KEPT_MAX);
    assert_int_equal(pthread_create(&thread, NULL, answer_all, &w), 0);
    for (size_t i = 0; i < KEPT_MAX; i++) {
        expect_two(fds[i], path_of(i, path), "GET /behind 0");
        (void)close(fds[i]);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    end(&w);
}

/* Who is not there any more when the answer comes harms nobody. */
static void client_goes(void **state)
{
    struct world w;

    (void)state;
    begin(&w, NULL);
    for (int i = 0; i < 10; i++) {
        int fd = dial(&w);
        ask(fd, "GET", "/keep");
        struct http_request *r = wait_kept(&w, (size_t)i + 1);
        const struct linger hard = {1, 0};
        if (i % 2 == 0)
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        (void)close(fd);
        answer(&w, r);
    }
    wait_open(&w, 0);
    int fd = dial(&w);
    ask(fd, "GET", "/still-there");
    expect(fd, "GET /still-there 0");
    (void)close(fd);
    end(&w);
}

static void drains(void **state)
{
    struct world w;

    (void)state;
    begin(&w, NULL);
    int idle = dial(&w);
    int busy = dial(&w);
    ask(idle, "GET", "/a");
    expect(idle, "GET /a 0");
    ask(busy, "GET", "/keep");
    struct http_request *r = wait_kept(&w, 1);
    assert_false(http_server_drain(w.server, 50)); /* one is not answered */
    expect_end(idle);
    answer(&w, r);
    expect(busy, "Connection: close\r\n\r\nGET /keep 0");
    expect_end(busy);
    (void)close(busy);
    (void)close(idle);
    assert_true(http_server_drain(w.server, PATIENCE_MS));
    struct sockaddr_storage sa;
    socklen_t size = address_to_sockaddr(&w.at, &sa);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (const struct sockaddr *)&sa, size), -1);
    (void)close(late);
    end(&w);
}

static void bounds_connections(void **state)
{
    struct http_server_limits limits = http_server_limits_default();
    struct world w;

    (void)state;
    limits.connections_per_peer = 2;
    begin(&w, &limits);
    int one = dial(&w);
    int two = dial(&w);
    ask(one, "GET", "/a");
    ask(two, "GET", "/a");
    expect(one, "GET /a 0");
    expect(two, "GET /a 0");
    int three = dial(&w);
    expect_end(three);
    (void)close(three);
    assert_int_equal(http_server_counts(w.server).turned_away, 1);
    (void)close(one);
    wait_open(&w, 1);
    one = dial(&w);
    ask(one, "GET", "/b");
    expect(one, "GET /b 0");
    (void)close(one);
    (void)close(two);
    end(&w);
}

static void bounds_time(void **state)
{
    struct http_server_limits limits = http_server_limits_default();
    struct world w;

    (void)state;
    limits.idle_ms = limits.head_ms = limits.body_ms = 100;
    begin(&w, &limits);
    int idle = dial(&w);
    int head = dial(&w);
    int body = dial(&w);
    int waiting = dial(&w);
    say(head, "GET / HT");
    say(body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    ask(waiting, "GET", "/keep");
    expect_end(idle);
    expect(head, "HTTP/1.1 408 Request Timeout\r\n");
    expect(body, "HTTP/1.1 408 Request Timeout\r\n");
    assert_true(http_server_counts(w.server).timed_out >= 3);
    /* a request that was handed over has all the time it needs */
    answer(&w, wait_kept(&w, 1));
    expect(waiting, "GET /keep 0");
    (void)close(idle);
    (void)close(head);
    (void)close(body);
    (void)close(waiting);
    end(&w);
}

/* Ended while clients come and go: threads hand each other connections to the last. */
static atomic_bool storm_over;

static void *storm(void *argument)
{
    const struct world *w = argument;
    struct sockaddr_storage sa;
    socklen_t size = address_to_sockaddr(&w->at, &sa);

    while (!atomic_load(&storm_over)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, size) == 0)
            (void)send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 28, MSG_NOSIGNAL);
        (void)close(fd);
    }
    return NULL;
}

static void ends_in_a_storm(void **state)
{
    struct http_server_limits limits = http_server_limits_default();

    (void)state;
    limits.io_threads = 4;
    for (int i = 0; i < 20; i++) {
        struct world w;
        pthread_t thread;
        begin(&w, &limits);
        atomic_store(&storm_over, false);
        assert_int_equal(pthread_create(&thread, NULL, storm, &w), 0);
        pause_ms(5);
        if (i % 2 == 0)
            (void)http_server_drain(w.server, PATIENCE_MS);
        else
            http_server_stop_accepting(w.server);
        end(&w);
        atomic_store(&storm_over, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    http_server_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(large_bodies),
        cmocka_unit_test(refuses_in_own_words),
        cmocka_unit_test(answers_later),
        cmocka_unit_test(client_goes),
        cmocka_unit_test(drains),
        cmocka_unit_test(bounds_connections),
        cmocka_unit_test(bounds_time),
        cmocka_unit_test(ends_in_a_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
