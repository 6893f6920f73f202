/* Tests of core/json/json_flat: it reads what it says, and json_read makes the same of a
 * text whichever of its two ways reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/json/json_copy.h"
#include "core/json/json_flat.h"
#include "core/json/json_plain.h"
#include "core/json/json_read.h"

static const char *const flat_texts[] = {
    "{}",
    " {\t} \r\n",
    "{\"csr\":\"MIIB\"}",
    "{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"AA-_\"}",
    "{ \"a\" : \"b\" ,\n\"c\":\"d\" }",
    "{\"\":\"\"}",
    "{\"a\":\"an apostrophe ' and / ~ and }{][,: in it\",\"b\":\"12345678901234567\"}",
    "{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\",\"8\":"
    "\"\"}",
};

static const char *const other_texts[] = {
    "",
    " ",
    "{",
    "}",
    "[]",
    "\"a\"",
    "{}{}",
    "{},",
    "{} x",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":\"b\",}",
    "{\"a\":\"b\" \"c\":\"d\"}",
    "{\"a\":\"b\"",
    "{\"a\":\"b",
    "{\"a\" \"b\"}",
    "{a:\"b\"}",
    "{\"a\":1}",
    "{\"a\":null}",
    "{\"a\":[]}",
    "{\"a\":{}}",
    "{\"a\":\"\\n\"}",
    "{\"\\u0061\":\"\"}",
    "{\"a\":\"\t\"}",
    "{\"a\":\"1234567\x1f\"}",
    "{\"a\":\"\xc3\xa4\"}",
    "{\"a\":\"\xff\"}",
    "{\"a\":\"b\",\"a\":\"c\"}",
    "{\"a\":\"b\",\"c\":\"d\",\"a\":\"b\"}",
    "{'a':'b'}",
    "{\"a\":\"b\"}\v",
    "\xef\xbb\xbf{}",
    "{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\",\"8\":"
    "\"\",\"9\":\"\"}",
};

static void takes_flat_ones(void **state)
{
    struct json_flat flat;

    (void)state;
    for (size_t i = 0; i < sizeof flat_texts / sizeof *flat_texts; i++)
        assert_true(json_flat_read(span_of(flat_texts[i]), &flat));
    assert_int_equal(flat.count, JSON_FLAT_MAX);
    assert_true(json_flat_read(span_of(flat_texts[4]), &flat));
    assert_int_equal(flat.count, 2);
    assert_true(span_is(flat.names[0], "a") && span_is(flat.values[0], "b"));
    assert_true(span_is(flat.names[1], "c") && span_is(flat.values[1], "d"));
}

static void leaves_others(void **state)
{
    struct json_flat flat;

    (void)state;
    for (size_t i = 0; i < sizeof other_texts / sizeof *other_texts; i++)
        if (json_flat_read(span_of(other_texts[i]), &flat))
            fail_msg("taken: %s", other_texts[i]);
}

static void has_a_nul(void **state)
{
    static const char text[] = "{\"a\":\"b\0c\"}";
    struct json_flat flat;

    (void)state;
    assert_false(json_flat_read(span_make(text, sizeof text - 1), &flat));
    assert_false(json_flat_read(span_make("{}", 3), &flat));
}

/* What is read, written again; an empty one if it is no JSON. */
static void rewrite(struct arena *a, struct span text, struct buf *b)
{
    struct json_writer w = json_writer_make(b);
    const struct json *value = NULL;

    if (json_read(a, text, &value, NULL) == ERR_OK)
        json_copy_value(&w, NULL, value);
}

/* In an array it is never flat. */
static void check_both_ways(const char *text, bool is_flat)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf array = buf_make(4096);
    AUTO(buf) struct buf one = buf_make(4096);
    AUTO(buf) struct buf other = buf_make(4096);

    buf_printf(&array, "[%s]", text);
    rewrite(a, span_of(text), &one);
    rewrite(a, buf_span(&array), &other);
    assert_true(one.len > 0 || !is_flat);
    if (one.len == 0)
        return;
    assert_int_equal(other.len, one.len + 2);
    assert_memory_equal(other.data + 1, one.data, one.len);
}

static void reads_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flat_texts / sizeof *flat_texts; i++)
        check_both_ways(flat_texts[i], true);
    for (size_t i = 0; i < sizeof other_texts / sizeof *other_texts; i++)
        check_both_ways(other_texts[i], false);
}

static void names_twice(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct json *value = NULL;

    (void)state;
    assert_int_equal(json_read(a, span_of("{\"a\":\"b\",\"a\":\"c\"}"), &value, NULL),
                     ERR_MALFORMED);
    assert_int_equal(json_read(a, span_of("{\"Kid\":\"b\",\"kid\":\"c\"}"), &value, NULL),
                     ERR_MALFORMED);
}

/* Each octet in each place of two words and a bit. */
static void finds_what_is_not_plain(void **state)
{
    uint8_t octets[19];

    (void)state;
    for (size_t at = 0; at < sizeof octets; at++)
        for (int c = 0; c < 256; c++) {
            memset(octets, 'a', sizeof octets);
            octets[at] = (uint8_t)c;
            bool plain = c >= 0x20 && c <= 0x7f && c != '"' && c != '\\';
            assert_int_equal(json_plain_length(span_make(octets, sizeof octets)),
                             plain ? sizeof octets : at);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_flat_ones), cmocka_unit_test(leaves_others),
        cmocka_unit_test(has_a_nul),       cmocka_unit_test(reads_the_same),
        cmocka_unit_test(names_twice),     cmocka_unit_test(finds_what_is_not_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
