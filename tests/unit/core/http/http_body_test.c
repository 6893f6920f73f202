/* Tests of core/http/http_body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/err.h"
#include "core/http/http_body.h"

#define BODY_MAX 20

struct outcome {
    enum http_parse_result result;
    int status;
    size_t used; /* octets of the input that belong to it */
    size_t len;
};

static struct outcome feed(enum http_framing framing, uint64_t length, struct span input,
                           size_t step, struct buf *body)
{
    struct http_body b = http_body_begin(framing, length);
    struct http_refusal no = {0};
    struct outcome o = {.result = HTTP_PARSE_MORE};

    for (size_t at = 0; o.result == HTTP_PARSE_MORE && at < input.len;) {
        size_t used = 0;
        size_t len = step < input.len - at ? step : input.len - at;
        o.result = http_body_feed(&b, span_slice(input, at, len), body, &used, &no);
        at += used;
        o.used = at;
        if (o.result == HTTP_PARSE_MORE)
            assert_int_equal(used, len);
    }
    o.status = no.status;
    o.len = body->len;
    return o;
}

static void chunked(void **state)
{
    static const struct {
        const char *text;
        enum http_parse_result result;
        int status;
        const char *body;
        size_t left; /* octets behind it */
    } rows[] = {
        {"0\r\n\r\n", HTTP_PARSE_DONE, 0, "", 0},
        {"3\r\nabc\r\n0\r\n\r\nGET", HTTP_PARSE_DONE, 0, "abc", 3},
        {"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", HTTP_PARSE_DONE, 0, "abcde", 0},
        {"A\r\n0123456789\r\n0\r\n\r\n", HTTP_PARSE_DONE, 0, "0123456789", 0},
        {"00003;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", HTTP_PARSE_DONE, 0, "abc", 0},
        {"1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n!", HTTP_PARSE_DONE, 0, "a", 1},
        {"3\r\nab", HTTP_PARSE_MORE, 0, "ab", 0},
        {"\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"g\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"-1\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"+1\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0x1\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {" 1\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"1 \r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"1\na\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"1;\nx\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"1\r\nab\r\n", HTTP_PARSE_REFUSED, 400, "a", 0},
        {"1\r\na\n", HTTP_PARSE_REFUSED, 400, "a", 0},
        {"1\r\na\r0", HTTP_PARSE_REFUSED, 400, "a", 0},
        {"0\r\n \r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\nX\r\n\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\nX : y\r\n\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\n: y\r\n\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\nX: y\r\n z\r\n\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\nX: \001\r\n\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\nX: \177\r\n\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\nX:\r\nY-z:\ty\r\n\r\n", HTTP_PARSE_DONE, 0, "", 0},
        {"0\r\nX: y\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"0\r\n\rx", HTTP_PARSE_REFUSED, 400, "", 0},
        {"15\r\n", HTTP_PARSE_REFUSED, 413, "", 0},
        {"14\r\n0123456789012345678", HTTP_PARSE_MORE, 0, "0123456789012345678", 0},
        {"a\r\n0123456789\r\nb\r\n", HTTP_PARSE_REFUSED, 413, "0123456789", 0},
        {"ffffffffffffffff\r\n", HTTP_PARSE_REFUSED, 400, "", 0},
        {"fffffffffffffff\r\n", HTTP_PARSE_REFUSED, 413, "", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span input = span_of(rows[i].text);
        for (size_t step = 1; step <= input.len; step++) {
            AUTO(buf) struct buf body = buf_make(BODY_MAX);
            struct outcome o = feed(HTTP_CHUNKED, 0, input, step, &body);
            if (o.result != rows[i].result || o.status != rows[i].status)
                print_error("%s in pieces of %zu\n", rows[i].text, step);
            assert_int_equal(o.result, rows[i].result);
            assert_int_equal(o.status, rows[i].status);
            if (o.result != HTTP_PARSE_REFUSED)
                assert_true(span_is(buf_span(&body), rows[i].body));
            if (o.result == HTTP_PARSE_DONE)
                assert_int_equal(input.len - o.used, rows[i].left);
        }
    }
}

static void bounds(void **state)
{
    AUTO(buf) struct buf body = buf_make(BODY_MAX);
    AUTO(buf) struct buf input = buf_make(64 * 1024);
    struct outcome o;

    (void)state;
    buf_add_text(&input, "1;");
    for (int i = 0; i < HTTP_BODY_CHUNK_LINE_MAX; i++)
        buf_add_text(&input, "x");
    o = feed(HTTP_CHUNKED, 0, buf_span(&input), 10, &body);
    assert_int_equal(o.status, 400);

    /* many short lines: all extensions together are bounded too */
    buf_clear(&input);
    for (int i = 0; i < 20; i++) {
        buf_add_text(&input, "1;");
        for (int k = 0; k < 150; k++)
            buf_add_text(&input, "x");
        buf_add_text(&input, "\r\na\r\n");
    }
    buf_clear(&body);
    o = feed(HTTP_CHUNKED, 0, buf_span(&input), 100, &body);
    assert_int_equal(o.status, 400);

    buf_clear(&input);
    buf_add_text(&input, "0\r\n");
    for (int i = 0; i < HTTP_BODY_TRAILERS_MAX; i++)
        buf_add_text(&input, "X: y\r\n");
    buf_clear(&body);
    o = feed(HTTP_CHUNKED, 0, buf_span(&input), 100, &body);
    assert_int_equal(o.status, 431);
}

static void by_length(void **state)
{
    AUTO(buf) struct buf body = buf_make(BODY_MAX);

    (void)state;
    struct outcome o = feed(HTTP_LENGTH, 3, span_of("abcdef"), 2, &body);
    assert_int_equal(o.result, HTTP_PARSE_DONE);
    assert_int_equal(o.used, 3);
    assert_true(span_is(buf_span(&body), "abc"));
    buf_clear(&body);
    o = feed(HTTP_LENGTH, BODY_MAX + 1, span_of("a"), 1, &body);
    assert_int_equal(o.status, 413);
}

static void until_close(void **state)
{
    AUTO(buf) struct buf body = buf_make(BODY_MAX);
    struct http_body b = http_body_begin(HTTP_UNTIL_CLOSE, 0);
    struct http_refusal no = {0};
    size_t used = 0;

    (void)state;
    assert_int_equal(http_body_feed(&b, span_of("abc"), &body, &used, &no),
                     HTTP_PARSE_MORE);
    assert_true(http_body_may_end(&b));
    assert_int_equal(
        http_body_feed(&b, span_of("0123456789012345678"), &body, &used, &no),
        HTTP_PARSE_REFUSED);
    b = http_body_begin(HTTP_LENGTH, 2);
    assert_false(http_body_may_end(&b));
    b = http_body_begin(HTTP_CHUNKED, 0);
    assert_false(http_body_may_end(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked),
        cmocka_unit_test(bounds),
        cmocka_unit_test(by_length),
        cmocka_unit_test(until_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
