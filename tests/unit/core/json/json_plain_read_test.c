/* Tests of core/json/json_plain_read, through json_read: whichever of its two ways reads
 * a text, what comes of it is the same. A name with an escape keeps the first way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/json/json_copy.h"
#include "core/json/json_plain.h"
#include "core/json/json_read.h"

static const char *const good[] = {
    "{}",
    " {\t} \r\n",
    "[]",
    "[ ]",
    "{\"csr\":\"MIIB\"}",
    "{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"\",\"signature\":\"AA-_\"}",
    "{ \"a\" : \"b\" ,\n\"c\":\"d\" }",
    "{\"\":\"\"}",
    "{\"a\":\"' / ~ }{][,: \",\"b\":\"12345678901234567\"}",
    "[0,1,-1,42,-90,123456789012345678,-123456789012345678]",
    "[1234567890123456789,-1234567890123456789,9223372036854775807]",
    "[true,false,null,[],{},\"\"]",
    "[1.5,1e3,-0,-0.0]",
    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}",
    "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":true}",
    "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
    "{\"a\":\"\\n\\u00e4\"}",
    "{\"a\":\"\xc3\xa4\",\"\xc3\xa4\":\"a\"}",
    "[\"\x7f\"]",
};

static const char *const bad[] = {
    "",
    " ",
    "{",
    "}",
    "\"a\"",
    "1",
    "{}{}",
    "{},",
    "{} x",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"c\":2}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1",
    "[1",
    "[1 2]",
    "[,]",
    "[1,]",
    "[01]",
    "[-]",
    "[+1]",
    "[1.]",
    "[.5]",
    "[1e]",
    "[--1]",
    "[tru]",
    "[True]",
    "[nul]",
    "[nulls]",
    "[truefalse]",
    "[1a]",
    "[99999999999999999999]",
    "[}",
    "{]",
    "[\"a]",
    "[\"\t\"]",
    "[\"1234567\x1f\"]",
    "[\"\xff\"]",
    "{}\v",
    "\xef\xbb\xbf{}",
    "{\"a\":1,\"a\":1}",
    "{\"a\":1,\"b\":{\"c\":1,\"c\":2}}",
    "{\"Kid\":1,\"kid\":1}",
    "[\"\\u0000\"]",
    "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
};

/* What is read, written again; false if it is no JSON. */
static bool rewrite(struct arena *a, struct span text, struct buf *b)
{
    struct json_writer w = json_writer_make(b);
    const struct json *value = NULL;
    struct err_info why = {0};

    if (json_read(a, text, &value, &why) != ERR_OK) {
        assert_true(why.detail[0] != '\0');
        return false;
    }
    json_copy_value(&w, NULL, value);
    assert_false(b->failed);
    return true;
}

static void check_both_ways(const char *text, bool is_good)
{
    static const char before[] = "{\"\\u0061\":";
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf wrapped = buf_make(4096);
    AUTO(buf) struct buf one = buf_make(4096);
    AUTO(buf) struct buf other = buf_make(4096);

    buf_printf(&wrapped, "%s%s}", before, text);
    if (rewrite(a, span_of(text), &one) != is_good)
        fail_msg("%s", text);
    /* a value alone is a document neither to us nor to jansson */
    bool is_alone = text[0] == '"' || text[0] == '1';
    if (rewrite(a, buf_span(&wrapped), &other) != (is_good || is_alone))
        fail_msg("wrapped: %s", text);
    if (!is_good)
        return;
    assert_int_equal(other.len, one.len + strlen("{\"a\":}"));
    assert_memory_equal(other.data + strlen("{\"a\":"), one.data, one.len);
}

static void reads_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_both_ways(good[i], true);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_both_ways(bad[i], false);
}

static void has_a_nul(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    static const char text[] = "{\"a\":\"b\0c\"}";
    const struct json *value = NULL;

    (void)state;
    assert_int_equal(json_read(a, span_make(text, sizeof text - 1), &value, NULL),
                     ERR_MALFORMED);
    assert_int_equal(json_read(a, span_make("{}", 3), &value, NULL), ERR_MALFORMED);
    assert_int_equal(json_read(a, span_make("[1\0]", 5), &value, NULL), ERR_MALFORMED);
}

/* Cut anywhere, it is not read. */
static void cut(void **state)
{
    static const char text[] =
        "{\"a\":[true,false,null,-12,{\"b\":\"c\"}],\"d\":{\"e\":[[]]}}";
    AUTO(arena) struct arena *a = arena_new();
    const struct json *value = NULL;

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_int_equal(json_read(a, span_make(text, len), &value, NULL), ERR_MALFORMED);
    assert_int_equal(json_read(a, span_of(text), &value, NULL), ERR_OK);
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
        cmocka_unit_test(reads_the_same),
        cmocka_unit_test(has_a_nul),
        cmocka_unit_test(cut),
        cmocka_unit_test(finds_what_is_not_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
