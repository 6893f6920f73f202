/* Tests of core/net/client_hello: messages built by hand, whole and in pieces. That those
 * of real clients are understood is tested in tests/flow, by connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/net/client_hello.h"

#define NAME                                                                             \
    "\0\0\0\x0b\0\x09\0\0\x06"                                                           \
    "a.test"
#define ACME                                                                             \
    "\0\x10\0\x0d\0\x0b\x0a"                                                             \
    "acme-tls/1"
#define BOTH                                                                             \
    "\0\x10\0\x10\0\x0e\x0a"                                                             \
    "acme-tls/1\x02h2"

static struct buf make(struct span extensions)
{
    struct buf b = buf_make(65536);
    size_t body = 2 + 32 + 1 + 4 + 2 + 2 + extensions.len;

    buf_add(&b, "\x16\x03\x01", 3);
    buf_add_octet(&b, (uint8_t)((body + 4) >> 8));
    buf_add_octet(&b, (uint8_t)(body + 4));
    buf_add(&b, "\x01\0", 2);
    buf_add_octet(&b, (uint8_t)(body >> 8));
    buf_add_octet(&b, (uint8_t)body);
    buf_add(&b, "\x03\x03", 2);
    for (int i = 0; i < 32; i++)
        buf_add_octet(&b, (uint8_t)i);
    buf_add(&b, "\0\0\x02\x13\x01\x01\0", 7);
    buf_add_octet(&b, (uint8_t)(extensions.len >> 8));
    buf_add_octet(&b, (uint8_t)extensions.len);
    buf_add_span(&b, extensions);
    return b;
}

static struct client_hello hello;

static void what_is_asked_for(void **state)
{
    static const struct {
        const char *extensions;
        size_t len;
        const char *name;
        bool acme;
    } rows[] = {
        {NAME ACME, sizeof NAME ACME - 1, "a.test", true},
        {ACME NAME, sizeof ACME NAME - 1, "a.test", true},
        {NAME BOTH, sizeof NAME BOTH - 1, "a.test", false},
        {NAME, sizeof NAME - 1, "a.test", false},
        {ACME, sizeof ACME - 1, "", true},
        {"", 0, "", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(buf) struct buf b = make(span_make(rows[i].extensions, rows[i].len));
        assert_int_equal(client_hello_read(buf_span(&b), &hello), CLIENT_HELLO_READ);
        assert_true(span_is(hello.server_name, rows[i].name));
        assert_int_equal(client_hello_wants_only(&hello, "acme-tls/1"), rows[i].acme);
        for (size_t n = 0; n < b.len; n++)
            assert_int_equal(client_hello_read(span_make(b.data, n), &hello),
                             CLIENT_HELLO_MORE);
        buf_add_text(&b, "more");
        assert_int_equal(client_hello_read(buf_span(&b), &hello), CLIENT_HELLO_READ);
    }
}

/* A record for each octet. */
static void in_records(void **state)
{
    AUTO(buf) struct buf b = make(span_make(NAME ACME, sizeof NAME ACME - 1));
    AUTO(buf) struct buf pieces = buf_make(65536);
    (void)state;

    for (size_t i = 5; i < b.len; i++) {
        assert_int_equal(client_hello_read(buf_span(&pieces), &hello), CLIENT_HELLO_MORE);
        buf_add(&pieces, "\x16\x03\x01\0\x01", 5);
        buf_add(&pieces, b.data + i, 1);
    }
    assert_int_equal(client_hello_read(buf_span(&pieces), &hello), CLIENT_HELLO_READ);
    assert_true(span_is(hello.server_name, "a.test"));
}

static void something_else(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } rows[] = {{"GET / HTTP/1.1", 14},
                {"\x16\x02", 2},
                {"\x16\x03\x01\0\0", 5},
                {"\x16\x03\x01\x7f\xff", 5},
                {"\x16\x03\x01\0\x04\x02", 6},
                {"\x16\x03\x01\0\x04\x01\xff\0\0", 9},
                {"\x16\x03\x01\0\x04\x01\0\0\0", 9}};
    AUTO(buf)
    struct buf bad = make(span_make("\0\0\0\x09\0\x09\0\0\x06"
                                    "abcd",
                                    13));
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(
            client_hello_read(span_make(rows[i].octets, rows[i].len), &hello),
            CLIENT_HELLO_OTHER);
    assert_int_equal(client_hello_read(buf_span(&bad), &hello), CLIENT_HELLO_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for),
        cmocka_unit_test(in_records),
        cmocka_unit_test(something_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
