/* Tests of core/http/http_parse: one row for each thing that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/http/http_parse.h"

static const struct http_parse_limits limits = {
    .head_octets = 1024, .header_count = 8, .target_octets = 256};

/* Scan and read a request in pieces of `step` octets; the status of the refusal, 0 if it
 * is accepted, -1 if it is not complete. */
static int read_request(struct arena *a, struct span text, size_t step,
                        struct http_request_head *r)
{
    struct http_scan scan = {0};
    struct http_refusal no = {0};
    size_t length = 0;

    for (size_t have = step;; have += step) {
        if (have > text.len)
            have = text.len;
        enum http_parse_result result =
            http_parse_scan(&scan, span_slice(text, 0, have), &limits, &length, &no);
        if (result == HTTP_PARSE_DONE)
            result = http_parse_request(a, span_slice(text, 0, length), &limits, r, &no);
        if (result == HTTP_PARSE_DONE)
            return 0;
        if (result == HTTP_PARSE_REFUSED) {
            assert_non_null(no.detail);
            assert_true(strlen(no.detail) > 10);
            return no.status;
        }
        if (have == text.len)
            return -1;
    }
}

struct row {
    const char *text;
    size_t len;
    int status;
    const char *what;
};

#define HOST "Host: a\r\n"

static const struct row rows[] = {
#define ROW(what, status, text)                                                          \
    {                                                                                    \
        text, sizeof text - 1, status, what                                              \
    }
    ROW("plain", 0, "GET / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("query", 0, "GET /a/b?x=%20y&z=? HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an empty line before", 0, "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("HTTP/1.0 without Host", 0, "GET / HTTP/1.0\r\n\r\n"),
    ROW("a later minor version", 0, "GET / HTTP/1.9\r\n" HOST "\r\n"),
    ROW("OPTIONS *", 0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an unknown method", 0, "BREW /pot HTTP/1.1\r\n" HOST "\r\n"),
    ROW("Host with port", 0, "GET / HTTP/1.1\r\nHost: a.test:8443\r\n\r\n"),
    ROW("Host IPv6", 0, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    ROW("white space around a value", 0, "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n"),
    ROW("an empty value", 0, "GET / HTTP/1.1\r\nX:\r\n" HOST "\r\n"),
    ROW("octets above ASCII in a value", 0,
        "GET / HTTP/1.1\r\nX: \xc3\xa9\r\n" HOST "\r\n"),
    ROW("length", 0, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n"),
    ROW("chunked, capitals", 0,
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"),
    ROW("100-continue", 0,
        "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),

    ROW("Transfer-Encoding and Content-Length", 400,
        "POST / HTTP/1.1\r\n" HOST
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("two different Content-Length", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    ROW("two equal Content-Length", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    ROW("a list of Content-Length", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n"),
    ROW("Content-Length: +2", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\n"),
    ROW("Content-Length: -1", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"),
    ROW("Content-Length: 0x10", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n"),
    ROW("Content-Length: 1 1", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n"),
    ROW("an empty Content-Length", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"),
    ROW("an enormous Content-Length", 400,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n"),
    ROW("Transfer-Encoding: xchunked", 501,
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n"),
    ROW("Transfer-Encoding: gzip, chunked", 501,
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    ROW("Transfer-Encoding twice", 501,
        "POST / HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("Transfer-Encoding: identity", 501,
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"),
    ROW("Transfer-Encoding in HTTP/1.0", 400,
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("vertical tab before chunked", 400,
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n"),

    ROW("bare line feeds", 400, "GET / HTTP/1.1\nHost: a\n\n"),
    ROW("one bare line feed", 400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    ROW("a bare carriage return", 400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
    ROW("white space before the colon", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ROW("a tab before the colon", 400, "GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n"),
    ROW("a folded header", 400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"),
    ROW("white space before the first header", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ROW("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
    ROW("two Host", 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"),
    ROW("an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW("a Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW("a Host with a user", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ROW("a Host with a bad port", 400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    ROW("a Host with a list", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ROW("a control byte in a value", 400, "GET / HTTP/1.1\r\n" HOST "X: a\001b\r\n\r\n"),
    ROW("a NUL in a value", 400, "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
    ROW("a DEL in a value", 400, "GET / HTTP/1.1\r\n" HOST "X: a\177b\r\n\r\n"),
    ROW("no colon", 400, "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n"),
    ROW("no name", 400, "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n"),
    ROW("a name that is no token", 400, "GET / HTTP/1.1\r\n" HOST "X(y): z\r\n\r\n"),
    ROW("a NUL in a name", 400, "GET / HTTP/1.1\r\n" HOST "X\0y: z\r\n\r\n"),

    ROW("two spaces", 400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a tab between", 400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a space before the method", 400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a space behind the version", 400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    ROW("no version", 400, "GET /\r\n" HOST "\r\n"),
    ROW("no target", 400, "GET HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an empty request line", 400, "\r\n\r\n"),
    ROW("HTTP/2.0", 505, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    ROW("HTTP/0.9", 505, "GET / HTTP/0.9\r\n" HOST "\r\n"),
    ROW("the HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\n"),
    ROW("http/1.1", 400, "GET / http/1.1\r\n" HOST "\r\n"),
    ROW("HTTP/1.10", 400, "GET / HTTP/1.10\r\n" HOST "\r\n"),
    ROW("a method that is no token", 400, "G(T / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target", 0, "GET http://a/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target in HTTP/1.0", 0, "GET https://a/ HTTP/1.0\r\n\r\n"),
    ROW("an absolute target and no Host", 400, "GET http://a/ HTTP/1.1\r\n\r\n"),
    ROW("an absolute target and another Host", 400,
        "GET http://b/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target and another port", 400,
        "GET http://a:80/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target without authority", 400,
        "GET http:///x HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target with a user", 400,
        "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target with a fragment", 400,
        "GET http://a/#x HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an absolute target of another scheme", 400,
        "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an authority as target", 400, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"),
    ROW("GET *", 400, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a fragment", 400, "GET /#a HTTP/1.1\r\n" HOST "\r\n"),
    ROW("half an escape", 400, "GET /%2 HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a bad escape", 400, "GET /%zz HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a quote in the target", 400, "GET /\" HTTP/1.1\r\n" HOST "\r\n"),
    ROW("octets above ASCII in the target", 400,
        "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a NUL in the target", 400, "GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
    ROW("another expectation", 417, "GET / HTTP/1.1\r\n" HOST "Expect: more\r\n\r\n"),
    ROW("too many headers", 431,
        "GET / HTTP/1.1\r\n" HOST
        "a:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\nh:1\r\n\r\n"),
    ROW("not complete", -1, "GET / HTTP/1.1\r\n" HOST),
#undef ROW
};

static void judges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span text = span_make(rows[i].text, rows[i].len);
        /* whole, octet by octet, and in pieces: the same verdict */
        for (size_t step = 1; step <= text.len; step = step < 4 ? step + 1 : step * 2) {
            AUTO(arena) struct arena *a = arena_new();
            struct http_request_head r;
            int status = read_request(a, text, step, &r);
            if (status != rows[i].status)
                print_error("%s (in pieces of %zu)\n", rows[i].what, step);
            assert_int_equal(status, rows[i].status);
        }
    }
}

static void bounds(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(4096);
    struct http_request_head r;

    (void)state;
    buf_add_text(&b, "GET /");
    for (int i = 0; i < 400; i++)
        buf_add_text(&b, "a");
    /* refused before the line is whole */
    assert_int_equal(read_request(a, buf_span(&b), 7, &r), 414);
    buf_clear(&b);
    buf_add_text(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 1100; i++)
        buf_add_text(&b, "a");
    assert_int_equal(read_request(a, buf_span(&b), 7, &r), 431);
}

static void reads(void **state)
{
    static const char text[] =
        "POST /acme/x?y=1 HTTP/1.1\r\nHost: ca.test:8443\r\nContent-Type: a\r\nX: "
        "1\r\nx: 2\r\n"
        "Content-Length: 17\r\nConnection: foo, close\r\n\r\nGET / HTTP/1.1\r\n";
    AUTO(arena) struct arena *a = arena_new();
    struct http_request_head r;

    (void)state;
    assert_int_equal(read_request(a, span_of(text), 1000, &r), 0);
    assert_int_equal(r.method, HTTP_POST);
    assert_string_equal(r.path, "/acme/x");
    assert_string_equal(r.query, "y=1");
    assert_string_equal(r.host, "ca.test:8443");
    assert_int_equal(r.header_count, 6);
    assert_string_equal(http_message_find(r.headers, r.header_count, "CONTENT-TYPE"),
                        "a");
    assert_int_equal(http_message_count(r.headers, r.header_count, "X"), 2);
    assert_null(http_message_find(r.headers, r.header_count, "Y"));
    assert_int_equal(r.framing, HTTP_LENGTH);
    assert_int_equal(r.content_length, 17);
    assert_false(r.keep_alive);
    assert_false(r.expect_continue);
}

static void absolute_targets(void **state)
{
    static const struct {
        const char *text;
        const char *scheme;
        const char *path;
        const char *query;
        const char *host;
    } cases[] = {
        {"GET http://a/x HTTP/1.1\r\n" HOST "\r\n", "http", "/x", NULL, "a"},
        {"GET HTTPS://A:8443/?y HTTP/1.0\r\n\r\n", "https", "/", "y", "A:8443"},
        {"GET https://a HTTP/1.1\r\n" HOST "\r\n", "https", "/", NULL, "a"},
        {"GET https://a?y HTTP/1.1\r\n" HOST "\r\n", "https", "/", "y", "a"},
        {"GET /https://a HTTP/1.1\r\n" HOST "\r\n", NULL, "/https://a", NULL, "a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct http_request_head r;
        assert_int_equal(read_request(a, span_of(cases[i].text), 5, &r), 0);
        assert_string_equal(r.scheme != NULL ? r.scheme : "none",
                            cases[i].scheme != NULL ? cases[i].scheme : "none");
        assert_string_equal(r.path, cases[i].path);
        assert_string_equal(r.query != NULL ? r.query : "none",
                            cases[i].query != NULL ? cases[i].query : "none");
        assert_string_equal(r.host, cases[i].host);
    }
}

static void persistence(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n",
         false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct http_request_head r;
        assert_int_equal(read_request(a, span_of(cases[i].text), 5, &r), 0);
        assert_int_equal(r.keep_alive, cases[i].keep_alive);
    }
}

static void responses(void **state)
{
    static const struct {
        const char *text;
        enum http_method to;
        int refused; /* 0: read */
        enum http_framing framing;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", HTTP_GET, 0, HTTP_LENGTH, 200},
        {"HTTP/1.1 200 \r\n\r\n", HTTP_GET, 0, HTTP_UNTIL_CLOSE, 200},
        {"HTTP/1.1 200\r\n\r\n", HTTP_GET, 0, HTTP_UNTIL_CLOSE, 200},
        {"HTTP/1.1 204 No Content\r\n\r\n", HTTP_GET, 0, HTTP_NO_BODY, 204},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", HTTP_GET, 0,
         HTTP_NO_BODY, 304},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", HTTP_HEAD, 0, HTTP_NO_BODY, 200},
        {"HTTP/1.1 100 Continue\r\n\r\n", HTTP_POST, 0, HTTP_NO_BODY, 100},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET, 0,
         HTTP_CHUNKED, 200},
        {"HTTP/1.1 20 OK\r\n\r\n", HTTP_GET, 502, HTTP_NO_BODY, 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", HTTP_GET, 502, HTTP_NO_BODY, 0},
        {"HTTP/1.1 099 OK\r\n\r\n", HTTP_GET, 502, HTTP_NO_BODY, 0},
        {"HTTP/2 200 OK\r\n\r\n", HTTP_GET, 502, HTTP_NO_BODY, 0},
        {"hello\r\n\r\n", HTTP_GET, 502, HTTP_NO_BODY, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP_GET, 502, HTTP_NO_BODY, 0},
        {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", HTTP_GET, 400, HTTP_NO_BODY, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct http_response_head r;
        struct http_refusal no = {0};
        enum http_parse_result result =
            http_parse_response(a, span_of(cases[i].text), &limits, cases[i].to, &r, &no);
        assert_int_equal(result == HTTP_PARSE_REFUSED ? no.status : 0, cases[i].refused);
        if (cases[i].refused != 0)
            continue;
        assert_int_equal(r.framing, cases[i].framing);
        assert_int_equal(r.status, cases[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges),    cmocka_unit_test(bounds),
        cmocka_unit_test(reads),     cmocka_unit_test(absolute_targets),
        cmocka_unit_test(responses), cmocka_unit_test(persistence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
