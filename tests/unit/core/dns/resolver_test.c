/* Tests of core/dns/resolver against a DNS server on the same loop, which answers what
 * the test put there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/dns/resolver.h"

#define QUERY_MAX 512

struct world {
    struct loop *loop;
    struct resolver *resolver;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *timer;
    int asked;
    int rcode;        /* of the answers; -1: silence */
    uint8_t count;    /* of A records, 192.0.2.1 and so on */
    uint8_t data_len; /* of each: 4 when it is right */
    /* what came */
    int answers;
    int due;
    struct resolver_result result;
    char reason[RESOLVER_DETAIL_MAX];
};

static void on_query(void *argument, int events)
{
    struct world *w = argument;
    uint8_t q[QUERY_MAX];
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t got = recvfrom(w->fd, q, sizeof q, 0, (struct sockaddr *)&peer, &size);
    size_t end = 12;

    (void)events;
    assert_true(got > 16);
    w->asked++;
    if (w->rcode < 0)
        return;
    while (q[end] != 0)
        end += (size_t)q[end] + 1;
    end += 5;
    q[2] = 0x81;
    q[3] = (uint8_t)(0x80 | w->rcode);
    memset(q + 6, 0, 6);
    q[7] = w->count;
    for (uint8_t i = 0; i < w->count; i++) {
        const uint8_t record[] = {0xc0, 12, 0, 1,           0,   1, 0, 0,
                                  1,    44, 0, w->data_len, 192, 0, 2, (uint8_t)(i + 1)};
        memcpy(q + end, record, sizeof record);
        end += sizeof record;
    }
    (void)sendto(w->fd, q, end, 0, (struct sockaddr *)&peer, size);
}

static void on_timer(void *argument)
{
    struct world *w = argument;

    loop_stop(w->loop);
}

static int set_up(void **state)
{
    static struct world made;
    struct world *w = &made;
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct resolver_options o = {.server = {.family = ADDRESS_V4}};
    const uint8_t loopback[] = {127, 0, 0, 1};
    socklen_t size = sizeof in;
    struct err_info why = {0};

    memset(w, 0, sizeof *w);
    w->data_len = 4;
    w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&in, &size), 0);
    memcpy(o.server.octets, loopback, sizeof loopback);
    o.server.port = ntohs(in.sin_port);
    assert_int_equal(loop_new(&w->loop, &why), ERR_OK);
    w->watch = loop_fd_new(w->loop, w->fd, on_query, w);
    loop_fd_want(w->watch, LOOP_READ);
    w->timer = loop_timer_new(w->loop, on_timer, w);
    assert_int_equal(resolver_new(w->loop, &o, &w->resolver, &why), ERR_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    resolver_free(w->resolver);
    loop_timer_free(w->timer);
    loop_fd_free(w->watch);
    loop_free(w->loop);
    (void)close(w->fd);
    return 0;
}

static void on_answer(void *argument, const struct resolver_result *r)
{
    struct world *w = argument;

    w->answers++;
    w->result = *r;
    (void)snprintf(w->reason, sizeof w->reason, "%s", r->reason);
    if (w->answers == w->due)
        loop_stop(w->loop);
}

static void ask(struct world *w, const char *name, enum dns_type type)
{
    w->answers = 0;
    w->due = 1;
    w->asked = 0;
    if (resolver_ask(w->resolver, name, type, on_answer, w) != NULL)
        loop_run(w->loop);
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->result.type, type);
}

static void answers(void **state)
{
    struct world *w = *state;
    char text[ADDRESS_TEXT_SIZE];

    w->count = 2;
    ask(w, "www.example.test", DNS_A);
    assert_int_equal(w->result.rcode, DNS_NOERROR);
    assert_int_equal(w->result.count, 2);
    address_text(&w->result.addresses[0], text);
    assert_memory_equal(text, "192.0.2.", 8);
    w->count = RESOLVER_ADDRESSES_MAX + 4;
    ask(w, "many.example.test", DNS_A);
    assert_int_equal(w->result.count, RESOLVER_ADDRESSES_MAX);
    w->count = 0;
    ask(w, "empty.example.test", DNS_AAAA);
    assert_int_equal(w->result.rcode, DNS_NOERROR);
    assert_int_equal(w->result.count, 0);
    w->rcode = DNS_NXDOMAIN;
    ask(w, "gone.example.test", DNS_A);
    assert_int_equal(w->result.rcode, DNS_NXDOMAIN);
    assert_string_equal(w->reason, "NXDOMAIN");
}

/* Names of private networks and those of RFC 6761 are asked for like any other. */
static void private_names(void **state)
{
    static const char *const names[] = {
        "a.localhost",           "localhost", "a.invalid", "a.home.arpa", "a.onion",
        "1.0.0.10.in-addr.arpa", "a.local",   "single"};
    struct world *w = *state;

    w->count = 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ask(w, names[i], DNS_A);
        if (w->result.count != 1)
            print_error("%s: %s\n", names[i], w->reason);
        assert_int_equal(w->result.count, 1);
        assert_int_equal(w->asked, 1);
    }
}

/* The same question goes out again each time, whatever the answer was: no SERVFAIL, no
 * NXDOMAIN and no address of 300 s is kept. */
static void nothing_is_kept(void **state)
{
    static const int codes[] = {DNS_NOERROR, DNS_NXDOMAIN, DNS_SERVFAIL};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        w->rcode = codes[i];
        w->count = codes[i] == DNS_NOERROR ? 1 : 0;
        for (int again = 0; again < 3; again++) {
            ask(w, "www.example.test", DNS_A);
            assert_int_equal(w->result.rcode, codes[i]);
            assert_true(w->asked >= 1);
        }
    }
}

static void malformed(void **state)
{
    struct world *w = *state;

    w->count = 1;
    w->data_len = 3;
    ask(w, "www.example.test", DNS_A);
    assert_int_equal(w->result.rcode, DNS_SERVFAIL);
    assert_int_equal(w->result.count, 0);
    w->data_len = 4;
    ask(w, "www.example.test", DNS_A); /* and it goes on */
    assert_int_equal(w->result.count, 1);
}

/* A name that is none is refused at once. */
static void no_name(void **state)
{
    struct world *w = *state;
    char label[80];

    memset(label, 'x', sizeof label);
    memcpy(label + 70, ".test", 6);
    ask(w, label, DNS_A);
    assert_int_equal(w->result.rcode, DNS_SERVFAIL);
    assert_true(strlen(w->reason) > 0);
    assert_int_equal(w->asked, 0);
}

/* A question that was cancelled is answered by nobody, though the answer comes. */
static void cancelled(void **state)
{
    struct world *w = *state;

    w->count = 1;
    w->due = 99;
    struct resolver_query *q =
        resolver_ask(w->resolver, "www.example.test", DNS_A, on_answer, w);
    assert_non_null(q);
    resolver_cancel(q);
    loop_timer_set(w->timer, 100);
    loop_run(w->loop);
    assert_int_equal(w->answers, 0);
    ask(w, "www.example.test", DNS_A);
    assert_int_equal(w->result.count, 1);
}

/* tear_down frees the resolver with questions open. */
static void freed_under_way(void **state)
{
    struct world *w = *state;

    w->rcode = -1;
    w->due = 99;
    for (int i = 0; i < 10; i++)
        assert_non_null(
            resolver_ask(w->resolver, "silent.example.test", DNS_A, on_answer, w));
    loop_timer_set(w->timer, 20);
    loop_run(w->loop);
    assert_int_equal(w->answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(private_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freed_under_way, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
