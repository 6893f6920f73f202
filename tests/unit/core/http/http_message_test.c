/* Tests of core/http/http_message: methods, phrases, header lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/http/http_message.h"

static void methods(void **state)
{
    (void)state;
    assert_int_equal(http_message_method(span_of("GET")), HTTP_GET);
    assert_int_equal(http_message_method(span_of("OPTIONS")), HTTP_OPTIONS);
    assert_int_equal(http_message_method(span_of("get")), HTTP_OTHER);
    assert_int_equal(http_message_method(span_of("GE")), HTTP_OTHER);
    assert_int_equal(http_message_method(span_of("GETS")), HTTP_OTHER);
    assert_int_equal(http_message_method(span_of("")), HTTP_OTHER);
}

static void phrases(void **state)
{
    (void)state;
    assert_string_equal(http_message_reason(200), "OK");
    assert_string_equal(http_message_reason(431), "Request Header Fields Too Large");
    assert_string_equal(http_message_reason(299), "");
    assert_string_equal(http_message_reason(-1), "");
}

static void headers(void **state)
{
    static const struct http_header list[] = {
        {"Accept", "1"}, {"x-Y", "2"}, {"X-y", "3"}, {"Accept-More", "4"}};
    const struct http_request r = {.headers = (struct http_header[]){{"Host", "a"}},
                                   .header_count = 1};

    (void)state;
    assert_string_equal(http_message_find(list, 4, "ACCEPT"), "1");
    assert_string_equal(http_message_find(list, 4, "X-Y"), "2");
    assert_null(http_message_find(list, 4, "Accept-"));
    assert_null(http_message_find(list, 0, "Accept"));
    assert_int_equal(http_message_count(list, 4, "X-Y"), 2);
    assert_int_equal(http_message_count(list, 4, "z"), 0);
    assert_string_equal(http_request_header(&r, "host"), "a");
    assert_null(http_request_header(&r, "Hos"));
}

/* A header that could split the message, or one too many, is our own mistake. */
static void kill_by(const char *name, const char *value, int count)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct http_reply r = {0};
        (void)signal(SIGABRT, SIG_DFL);
        for (int i = 0; i < count; i++)
            http_reply_header(&r, name, value);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void own_mistakes(void **state)
{
    struct http_reply r = {0};

    (void)state;
    for (int i = 0; i < HTTP_REPLY_HEADERS_MAX; i++)
        http_reply_header(&r, "Link", "<x>");
    assert_int_equal(r.header_count, HTTP_REPLY_HEADERS_MAX);
    kill_by("Link", "<x>", HTTP_REPLY_HEADERS_MAX + 1);
    kill_by("Link", "a\nb", 1);
    kill_by("Link", "a\rb", 1);
    kill_by("Li nk", "a", 1);
    kill_by("Link:", "a", 1);
    kill_by("Link\r\nX", "a", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods),
        cmocka_unit_test(phrases),
        cmocka_unit_test(headers),
        cmocka_unit_test(own_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
