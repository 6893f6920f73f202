/* Tests of server/validate/validate and http_01 against a DNS server and a web server of
 * this file, on loopback. What whole programs see is in tests/flow/test_http_01.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/validate/validate.h"

#define TOKEN       "token-0123456789abcdef"
#define PROOF       TOKEN ".thumbprint"
#define HTTP_OK     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define FEW_SECONDS 5000
#define QUERY_MAX   512

struct world {
    struct loop *loop;
    struct validator *validator;
    struct validate_options options;
    int dns;
    int web;
    pthread_t dns_thread;
    pthread_t web_thread;
    const char *answer; /* of the web server */
    atomic_int asked;   /* by DNS */
    /* the last verdict */
    int verdicts;
    bool valid;
    enum err code;
    char detail[1024];
    char record[VALIDATE_RECORD_MAX + 1];
};

/* DNS: the first label says what is answered. "good": 127.0.0.1; "none": nothing there;
 * "gone": NXDOMAIN; "broken": SERVFAIL; "silent": no answer; "inside": 10.0.0.1 */
static void *serve_dns(void *argument)
{
    struct world *w = argument;
    uint8_t q[QUERY_MAX];
    struct sockaddr_in peer;

    for (;;) {
        socklen_t size = sizeof peer;
        ssize_t got =
            recvfrom(w->dns, q, sizeof q - 16, 0, (struct sockaddr *)&peer, &size);
        if (got < 17)
            return NULL;
        w->asked++;
        size_t end = 12;
        while (q[end] != 0)
            end += (size_t)q[end] + 1;
        end += 5;
        bool is_a = q[end - 3] == 1;
        const char *name = (const char *)q + 13;
        uint8_t rcode = strncmp(name, "gone", 4) == 0     ? 3
                        : strncmp(name, "broken", 6) == 0 ? 2
                                                          : 0;
        bool inside = strncmp(name, "inside", 6) == 0;
        if (strncmp(name, "silent", 6) == 0)
            continue;
        q[2] = 0x81;
        q[3] = (uint8_t)(0x80 | rcode);
        memset(q + 6, 0, 6);
        if (is_a && (inside || strncmp(name, "good", 4) == 0)) {
            const uint8_t record[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4};
            q[7] = 1;
            memcpy(q + end, record, sizeof record);
            q[end + 12] = inside ? 10 : 127;
            q[end + 15] = 1;
            end += sizeof record;
        }
        (void)sendto(w->dns, q, end, 0, (struct sockaddr *)&peer, size);
    }
}

static void *serve_web(void *argument)
{
    struct world *w = argument;
    char request[4096];

    for (;;) {
        int fd = accept(w->web, NULL, NULL);
        if (fd < 0)
            return NULL;
        (void)recv(fd, request, sizeof request, 0);
        if (w->answer != NULL)
            (void)send(fd, w->answer, strlen(w->answer), MSG_NOSIGNAL);
        else
            (void)recv(fd, request, 1, 0); /* until the validator gives up */
        (void)shutdown(fd, SHUT_WR);
        (void)close(fd);
    }
}

static uint16_t bind_loopback(int fd)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    return ntohs(in.sin_port);
}

static int set_up(void **state)
{
    static struct world made;
    struct world *w = &made;
    struct err_info why = {0};

    memset(w, 0, sizeof *w);
    w->dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    w->web = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    w->options.resolver.family = ADDRESS_V4;
    w->options.resolver.octets[0] = 127;
    w->options.resolver.octets[3] = 1;
    w->options.resolver.port = bind_loopback(w->dns);
    w->options.http_port = bind_loopback(w->web);
    w->options.tls_port = 443;
    w->options.timeout_ms = FEW_SECONDS;
    w->options.allowed_count = 1;
    assert_true(address_network_parse(span_of("127.0.0.0/8"), &w->options.allowed[0]));
    assert_int_equal(listen(w->web, 8), 0);
    assert_int_equal(pthread_create(&w->dns_thread, NULL, serve_dns, w), 0);
    assert_int_equal(pthread_create(&w->web_thread, NULL, serve_web, w), 0);
    assert_int_equal(loop_new(&w->loop, &why), ERR_OK);
    assert_int_equal(validate_new(w->loop, &w->options, &w->validator, &why), ERR_OK);
    w->answer = HTTP_OK PROOF;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    validate_free(w->validator);
    loop_free(w->loop);
    (void)shutdown(w->dns, SHUT_RDWR);
    (void)shutdown(w->web, SHUT_RDWR);
    (void)pthread_join(w->dns_thread, NULL);
    (void)pthread_join(w->web_thread, NULL);
    (void)close(w->dns);
    (void)close(w->web);
    return 0;
}

static void on_verdict(void *argument, const struct validate_verdict *v)
{
    struct world *w = argument;

    w->verdicts++;
    w->valid = v->valid;
    w->code = v->code;
    (void)snprintf(w->detail, sizeof w->detail, "%s", v->detail);
    (void)snprintf(w->record, sizeof w->record, "%s", v->record);
    if (validate_running(w->validator) == 1) /* this one, until we return */
        loop_stop(w->loop);
}

static void begin(struct world *w, const char *name)
{
    const struct validate_question q = {.type = CHALLENGE_HTTP_01,
                                        .identifier = name,
                                        .token = TOKEN,
                                        .key_authorization = PROOF};

    validate_start(w->validator, &q, on_verdict, w);
}

static void check(struct world *w, const char *name)
{
    w->verdicts = 0;
    w->asked = 0;
    begin(w, name);
    assert_int_equal(w->verdicts, 0); /* never from within validate_start */
    assert_int_equal(validate_running(w->validator), 1);
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 1);
    assert_int_equal(validate_running(w->validator), 0);
}

static void verdicts(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name;
        const char *answer;
        enum err code; /* ERR_OK: valid */
        const char *word;
        int asked; /* DNS questions */
    } rows[] = {
        {"good.test", HTTP_OK PROOF, ERR_OK, "", 2},
        {"good.test", HTTP_OK PROOF "\r\n", ERR_OK, "", 2},
        {"good.test", HTTP_OK "x", ERR_UNAUTHORIZED, "\"x\"", 2},
        {"good.test", "HTTP/1.1 404 No\r\n\r\n" PROOF, ERR_UNAUTHORIZED, "404", 2},
        {"good.test", "HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\n\r\n",
         ERR_CONNECTION, "10.0.0.1 is private use", 2},
        {"good.test", "HTTP/1.1 302 Go\r\nLocation: http://good.test:8/\r\n\r\n",
         ERR_CONNECTION, "port 8", 2},
        {"good.test", "HTTP/1.1 302 Go\r\nLocation: http://gone.test/\r\n\r\n", ERR_DNS,
         "redirects to http://gone.test/", 4},
        {"gone.test", "", ERR_DNS, "NXDOMAIN", 2},
        {"none.test", "", ERR_DNS, "neither A nor AAAA", 2},
        {"inside.test", "", ERR_CONNECTION, "10.0.0.1", 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        w->answer = rows[i].answer;
        check(w, rows[i].name);
        if (w->valid != (rows[i].code == ERR_OK) ||
            strstr(w->detail, rows[i].word) == NULL)
            print_error("row %zu: %s\n", i, w->detail);
        assert_int_equal(w->valid, rows[i].code == ERR_OK);
        assert_int_equal(w->code, rows[i].code);
        assert_non_null(strstr(w->detail, rows[i].word));
        assert_int_equal(w->asked, rows[i].asked);
        assert_int_equal(w->record[0], '[');
        assert_non_null(strstr(w->record, rows[i].name));
    }
}

/* Trouble is tried again before it counts; the attempts are on record. */
static void trouble(void **state)
{
    struct world *w = *state;

    check(w, "broken.test");
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "SERVFAIL"));
    assert_true(w->asked > 2);
    w->answer = "";
    check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "closed without an answer"));
    assert_true(w->asked > 2);
}

/* Nothing takes longer than the time there is. */
static void time_is_up(void **state)
{
    struct world *w = *state;

    w->options.timeout_ms = 300;
    validate_reload(w->validator, &w->options);
    check(w, "silent.test");
    assert_int_equal(w->code, ERR_DNS);
    assert_non_null(strstr(w->detail, "looking up silent.test: no answer in time"));
    w->answer = NULL;
    check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "no answer in time"));
}

static void networks_are_reloaded(void **state)
{
    struct world *w = *state;

    check(w, "good.test");
    assert_true(w->valid);
    w->options.allowed_count = 0;
    w->options.resolver.port = 1; /* stays as it was */
    validate_reload(w->validator, &w->options);
    check(w, "good.test");
    assert_int_equal(w->code, ERR_CONNECTION);
    assert_non_null(strstr(w->detail, "loopback"));
}

static void other_questions(void **state)
{
    struct world *w = *state;
    struct validate_question q = {.type = (enum challenge_type)99,
                                  .identifier = "good.test",
                                  .token = TOKEN,
                                  .key_authorization = PROOF};

    validate_start(w->validator, &q, on_verdict, w);
    loop_run(w->loop);
    assert_int_equal(w->code, ERR_INTERNAL);
    q.type = CHALLENGE_HTTP_01;
    q.key_authorization = "";
    w->answer = HTTP_OK;
    validate_start(w->validator, &q, on_verdict, w);
    loop_run(w->loop);
    assert_int_equal(w->code, ERR_INTERNAL);
    assert_int_equal(w->verdicts, 2);
}

static void many(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 50; i++)
        begin(w, "good.test");
    loop_run(w->loop);
    assert_int_equal(w->verdicts, 50);
    assert_true(w->valid);
}

/* Checks at every stage are given up without a verdict. */
static void freed_under_way(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 5; i++) {
        begin(w, "silent.test");
        begin(w, "good.test");
        begin(w, "gone.test");
    }
    /* tear_down frees the validator */
    assert_int_equal(validate_running(w->validator), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trouble, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_is_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(networks_are_reloaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freed_under_way, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
