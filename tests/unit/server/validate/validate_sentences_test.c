/* Tests of server/validate: the sentences of refusals, whole. Those of tls-alpn-01, CAA
 * and dns-persist-01 are in the tests of these. */
#include "validate_world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define URL      "/.well-known/acme-challenge/" TOKEN
#define GOOD     "http://good.test" URL
#define REDIRECT "HTTP/1.1 302 Go\r\nLocation: "
#define END      "\r\n\r\n"
#define BYTES_64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct row {
    const char *name;
    const char *answer;
    const char *then;
    enum err code;
    const char *sentence; /* "{}" stands for the address of the web server */
};

/* The sentence with its addresses. */
static const char *filled(const struct world *w, const char *sentence)
{
    static char text[1024];
    size_t len = 0;

    for (; *sentence != '\0'; sentence++) {
        if (strncmp(sentence, "{}", 2) != 0) {
            text[len++] = *sentence;
            continue;
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "127.0.0.1:%u",
                                w->view.http_port);
        sentence++;
    }
    text[len] = '\0';
    return text;
}

static void expect(struct world *w, const struct row *row)
{
    w->answer = row->answer;
    w->then = row->then;
    validate_world_check(w, row->name);
    assert_string_equal(w->detail, filled(w, row->sentence));
    assert_false(w->valid);
    assert_int_equal(w->code, row->code);
}

/* S-H01-5, S-H01-11, S-ERR-4: what was asked, where, what was seen and what was expected.
 */
static void http_01(void **state)
{
    struct world *w = *state;
    static const struct row rows[] = {
        {"good.test", "HTTP/1.1 404 No" END, NULL, ERR_UNAUTHORIZED,
         GOOD " at {} answered 404, not 200"},
        {"good.test", "HTTP/1.1 304 No" END, NULL, ERR_UNAUTHORIZED,
         GOOD " at {} answered 304, not 200; of redirects only 301, 302, 307 and 308 are "
              "followed"},
        {"good.test", HTTP_OK "a\033[2J\r\nb", NULL, ERR_UNAUTHORIZED,
         GOOD " at {} answered with the wrong content: \"a?[2J??b\"; expected the key "
              "authorization \"" PROOF "\""},
        {"good.test", HTTP_OK BYTES_64 "y", NULL, ERR_UNAUTHORIZED,
         GOOD " at {} answered with the wrong content: \"" BYTES_64
              "\"...; expected the key authorization \"" PROOF "\""},
        {"good.test", "HTTP/1.1 302 Go" END, NULL, ERR_UNAUTHORIZED,
         GOOD " at {} answered 302 without a Location; expected one, or 200"},
        {"good.test", REDIRECT "http://good.test:22/" END, NULL, ERR_CONNECTION,
         GOOD " at {} redirects to port 22; only 80 and 443 are followed"},
        {"good.test", REDIRECT "http://good.test.well-known/x" END, NULL, ERR_CONNECTION,
         GOOD " at {} redirects to the host good.test.well-known: a slash seems to be "
              "missing behind the name"},
        {"good.test", REDIRECT "http://good.test/x" END, NULL, ERR_CONNECTION,
         "http://good.test/x at {} redirects again: more than 10 redirects"},
        {"good.test", REDIRECT "http://good2.test/x" END, "HTTP/1.1 403 No" END,
         ERR_UNAUTHORIZED,
         GOOD " at {} redirects to http://good2.test/x, which at {} answered 403, not "
              "200"},
        {"good.test", REDIRECT "http://good2.test/x" END, HTTP_OK "y", ERR_UNAUTHORIZED,
         GOOD " at {} redirects to http://good2.test/x, which at {} answered with the "
              "wrong content: \"y\"; expected the key authorization \"" PROOF "\""},
        {"good.test", REDIRECT "http://none.test/x" END, NULL, ERR_DNS,
         GOOD " at {} redirects to http://none.test/x: none.test has neither A nor AAAA "
              "records"},
        {"good.test", REDIRECT "http://10.0.0.1/x" END, NULL, ERR_CONNECTION,
         GOOD " at {} redirects to http://10.0.0.1/x: 10.0.0.1 is private use: this CA "
              "does not connect to such addresses unless validation.allow_networks names "
              "them"},
        {"inside.test", "", NULL, ERR_CONNECTION,
         "inside.test is at 10.0.0.1, which is private use: this CA does not connect to "
         "such "
         "addresses unless validation.allow_networks names them"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(w, &rows[i]);
}

/* Networks that fail: tried again first. */
static void trouble(void **state)
{
    struct world *w = *state;
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    int deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, no listener */
    char sentence[512];
    const struct row rows[] = {
        {"good.test", "", NULL, ERR_CONNECTION,
         GOOD ": the connection was closed without an answer ({})"},
        {"good.test", "SSH-2.0-x\r\n", NULL, ERR_CONNECTION,
         GOOD ": the answer is not HTTP ({})"},
        {"good.test", REDIRECT "https://good.test/x" END, NULL, ERR_CONNECTION, sentence},
    };

    assert_int_equal(bind(deaf, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(deaf, (struct sockaddr *)&in, &size), 0);
    w->view.tls_port = ntohs(in.sin_port);
    assert_true(validate_reload(w->validator, &w->options));
    (void)snprintf(sentence, sizeof sentence,
                   GOOD " at {} redirects to https://good.test/x: Connection refused "
                        "(127.0.0.1:%u)",
                   w->view.tls_port);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(w, &rows[i]);
    (void)close(deaf);
}

/* S-D01-4: which of the two lookups failed. */
static void half_of_a_lookup(void **state)
{
    struct world *w = *state;

    validate_world_check(w, "broken4.test");
    assert_non_null(strstr(w->detail, "looking up the A records of broken4.test failed: "
                                      "SERVFAIL"));
    assert_int_equal(w->code, ERR_DNS);
    validate_world_check(w, "broken6.test");
    assert_non_null(strstr(w->detail, "looking up the AAAA records of broken6.test "
                                      "failed: SERVFAIL"));
    assert_int_equal(w->code, ERR_DNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(http_01, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(trouble, validate_world_set_up,
                                        validate_world_tear_down),
        cmocka_unit_test_setup_teardown(half_of_a_lookup, validate_world_set_up,
                                        validate_world_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
