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
    unsigned int port, id; /* of the last question */
    unsigned int room;     /* what it says may be answered; 0: it does not say */
    int rcode;             /* of the answers; -1: silence */
    uint8_t count;         /* of A records, 192.0.2.1 and so on */
    uint8_t data_len;      /* of each: 4 when it is right */
    const char *text;      /* RDATA of the TXT records */
    /* what came */
    int answers;
    int due;
    struct resolver_result result;
    char texts[2][64];
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
    w->port = ntohs(peer.sin_port);
    w->id = (unsigned int)q[0] << 8 | q[1];
    w->asked++;
    if (w->rcode < 0)
        return;
    while (q[end] != 0)
        end += (size_t)q[end] + 1;
    end += 5;
    bool has_opt = (size_t)got >= end + 11 && q[end] == 0 && q[end + 1] == 0 &&
                   q[end + 2] == 41; /* RFC 6891 6.1.2 */
    w->room = has_opt ? (unsigned int)q[end + 3] << 8 | q[end + 4] : 0;
    q[2] = 0x81;
    q[3] = (uint8_t)(0x80 | w->rcode);
    memset(q + 6, 0, 6);
    q[7] = w->count;
    for (uint8_t i = 0; i < w->count && w->text != NULL; i++) {
        uint8_t record[64] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 0};
        record[11] = (uint8_t)strlen(w->text);
        memcpy(record + 12, w->text, record[11]);
        memcpy(q + end, record, (size_t)12 + record[11]);
        /* records of a set must differ */
        q[end + 13] = (uint8_t)(q[end + 13] + i);
        end += (size_t)12 + record[11];
    }
    for (uint8_t i = 0; i < w->count && w->text == NULL; i++) {
        const uint8_t record[] = {0xc0, 12, 0, 1,           0,   1, 0, 0,
                                  1,    44, 0, w->data_len, 192, 0, 2, (uint8_t)(i + 1)};
        memcpy(q + end, record, sizeof record);
        end += sizeof record;
    }
    if (w->count == 0 && (w->rcode == DNS_NOERROR || w->rcode == DNS_NXDOMAIN)) {
        /* RFC 2308 2: libunbound 1.26 asks once more when there is none */
        static const uint8_t soa[34] = {0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22};
        memcpy(q + end, soa, sizeof soa);
        end += sizeof soa;
        q[9] = 1;
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
    for (size_t i = 0; r->type == DNS_TXT && i < r->count && i < 2; i++) {
        assert_true(r->texts[i].len < sizeof w->texts[i]);
        memcpy(w->texts[i], r->texts[i].data, r->texts[i].len);
        w->texts[i][r->texts[i].len] = '\0';
    }
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

static void texts(void **state)
{
    struct world *w = *state;

    w->text = "\3abc\1 \1d";
    w->count = 1;
    ask(w, "_acme-challenge.example.test", DNS_TXT);
    assert_int_equal(w->result.rcode, DNS_NOERROR);
    assert_int_equal(w->result.count, 1);
    assert_string_equal(w->texts[0], "abc d");
    w->count = 2;
    ask(w, "two.example.test", DNS_TXT);
    assert_int_equal(w->result.count, 2);
    assert_string_not_equal(w->texts[0], w->texts[1]);
    w->count = 0;
    ask(w, "none.example.test", DNS_TXT);
    assert_int_equal(w->result.rcode, DNS_NOERROR);
    assert_int_equal(w->result.count, 0);
    w->count = 1;
    w->text = "\4abc"; /* the string is longer than its record */
    ask(w, "broken.example.test", DNS_TXT);
    assert_int_equal(w->result.rcode, DNS_SERVFAIL);
    assert_false(w->result.bogus);
    assert_int_equal(w->result.count, 0);
}

/* Names of private networks and those of RFC 6761 are asked for like any other, whatever
 * libunbound knows about them. */
static void private_names(void **state)
{
    static const char *const names[] = {
        "a.localhost", "localhost", "a.invalid", "a.home.arpa", "home.arpa", "a.onion",
        "a.local", "a.internal", "a.example", "single", "a.test", "test",
        "_dns.resolver.arpa", "a.service.arpa", "ipv4only.arpa",
        /* RFC 6303 4 */
        "1.0.0.127.in-addr.arpa", "1.0.0.10.in-addr.arpa", "1.1.16.172.in-addr.arpa",
        "1.1.31.172.in-addr.arpa", "1.1.168.192.in-addr.arpa", "1.0.0.0.in-addr.arpa",
        "1.1.254.169.in-addr.arpa", "1.2.0.192.in-addr.arpa", "1.100.51.198.in-addr.arpa",
        "1.113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
        "1.1.64.100.in-addr.arpa", "1.1.127.100.in-addr.arpa", "a.d.f.ip6.arpa",
        "a.8.e.f.ip6.arpa", "a.b.e.f.ip6.arpa", "a.8.b.d.0.1.0.0.2.ip6.arpa",
        "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"};
    struct world *w = *state;

    w->count = 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ask(w, names[i], DNS_A);
        if (w->result.count != 1)
            print_error("%s: %s\n", names[i], w->reason);
        assert_int_equal(w->result.count, 1);
        assert_true(w->asked >= 1); /* repeated after 50 ms on a busy machine */
    }
}

/* How many of the numbers are neither the same as, nor just above or below, another. */
static size_t scattered(const unsigned int *numbers, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        bool alone = true;
        for (size_t j = 0; j < count; j++)
            alone = alone && (i == j || numbers[i] > numbers[j] + 2 ||
                              numbers[j] > numbers[i] + 2);
        found += alone ? 1 : 0;
    }
    return found;
}

/* S-DNS-1: who would answer in the server's place must guess port and number of each
 * question. Of 64 random ones 6 lie beside another once in thousands of runs, 16 never.
 */
static void hard_to_guess(void **state)
{
    enum { QUESTIONS = 64, FEW = 16 };
    struct world *w = *state;
    unsigned int ports[QUESTIONS];
    unsigned int ids[QUESTIONS];
    char name[32];

    w->count = 1;
    for (size_t i = 0; i < QUESTIONS; i++) {
        (void)snprintf(name, sizeof name, "n%zu.example.test", i);
        ask(w, name, DNS_A);
        assert_int_equal(w->result.rcode, DNS_NOERROR);
        ports[i] = w->port;
        ids[i] = w->id;
    }
    assert_true(scattered(ports, QUESTIONS) > QUESTIONS - FEW);
    assert_true(scattered(ids, QUESTIONS) > QUESTIONS - FEW);
}

/* V-DNS-3: what would come in fragments is asked for by TCP. */
static void no_fragments(void **state)
{
    struct world *w = *state;

    w->count = 1;
    ask(w, "n.example.test", DNS_A);
    assert_int_equal(w->room, 1232);
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

/* A failure has a reason when another one came shortly before. */
static void failures_in_words(void **state)
{
    struct world *w = *state;

    w->rcode = DNS_SERVFAIL;
    ask(w, "www.example.test", DNS_TXT);
    assert_string_equal(w->reason, "SERVFAIL, from a server or for want of an answer");
    for (int i = 0; i < 2; i++) {
        ask(w, i == 0 ? "WWW.example.test" : "other.example.test", DNS_TXT);
        assert_int_equal(w->result.rcode, DNS_SERVFAIL);
        assert_non_null(strstr(w->reason, "SERVFAIL: 127.0.0.1#"));
        assert_non_null(strstr(w->reason, " answered with an error"));
    }
    w->rcode = DNS_NOERROR;
    w->count = 1;
    w->text = "\4abc"; /* longer than its record */
    ask(w, "broken.example.test", DNS_TXT);
    assert_string_equal(w->reason, "the DNS response is malformed");
}

static void malformed(void **state)
{
    struct world *w = *state;

    w->count = 1;
    w->data_len = 3;
    ask(w, "www.example.test", DNS_A);
    /* libunbound 1.26 takes such a record out of the answer */
    assert_true(w->result.rcode == DNS_SERVFAIL || w->result.rcode == DNS_NOERROR);
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
        cmocka_unit_test_setup_teardown(texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(private_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hard_to_guess, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_fragments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_in_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freed_under_way, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
