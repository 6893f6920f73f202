/* Tests of core/json/json_write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/json/json_read.h"
#include "core/json/json_write.h"

static void assert_text(struct buf *b, const char *text)
{
    assert_false(b->failed);
    buf_add_octet(b, '\0');
    assert_string_equal((const char *)b->data, text);
    buf_free(b);
}

static void all_kinds(void **state)
{
    struct buf b = buf_make(1000);
    struct json_writer w = json_writer_make(&b);

    (void)state;
    json_write_begin_object(&w, NULL);
    json_write_text(&w, "text", "valid");
    json_write_text(&w, "nothing", NULL);
    json_write_span(&w, "span", span_make("abc", 2));
    json_write_number(&w, "min", INT64_MIN);
    json_write_bool(&w, "yes", true);
    json_write_time(&w, "time", 0);
    json_write_base64url(&w, "octets", span_make("\xfb\xff", 2));
    json_write_raw(&w, "raw", span_of("{\"a\":1}"));
    json_write_begin_array(&w, "list");
    json_write_text(&w, NULL, "one");
    json_write_begin_object(&w, NULL);
    json_write_end_object(&w);
    json_write_begin_array(&w, NULL);
    json_write_number(&w, NULL, 1);
    json_write_number(&w, NULL, 2);
    json_write_end_array(&w);
    json_write_end_array(&w);
    json_write_bool(&w, "last", false);
    json_write_end_object(&w);
    assert_text(
        &b, "{\"text\":\"valid\",\"nothing\":null,\"span\":\"ab\","
            "\"min\":-9223372036854775808,\"yes\":true,\"time\":\"1970-01-01T00:00:00Z\","
            "\"octets\":\"-_8\",\"raw\":{\"a\":1},\"list\":[\"one\",{},[1,2]],"
            "\"last\":false}");
}

static void escapes(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } rows[] = {
        {"", "\"\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\n\r\t\b\x01\x1f\x7f", "\"\\n\\r\\t\\u0008\\u0001\\u001f\x7f\""},
        {"\xe2\x82\xac", "\"\xe2\x82\xac\""},
        {"a\xff\"\xe2\x82\xac\xe2\x82",
         "\"a\xef\xbf\xbd\\\"\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf0\x9f\x98\x80\xf0", "\"\xf0\x9f\x98\x80\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b = buf_make(1000);
        struct json_writer w = json_writer_make(&b);
        json_write_text(&w, NULL, rows[i].text);
        assert_text(&b, rows[i].json);
    }
    struct buf b = buf_make(1000);
    struct json_writer w = json_writer_make(&b);
    json_write_span(&w, NULL, span_make("a\0b", 3));
    assert_text(&b, "\"a\\u0000b\"");
}

static void names_are_escaped_too(void **state)
{
    struct buf b = buf_make(1000);
    struct json_writer w = json_writer_make(&b);

    (void)state;
    json_write_begin_object(&w, NULL);
    json_write_number(&w, "a\"b", 1);
    json_write_end_object(&w);
    assert_text(&b, "{\"a\\\"b\":1}");
}

static void what_is_written_is_read(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_make(5000);
    struct json_writer w = json_writer_make(&b);
    const struct json *value = NULL;
    char text[256];

    (void)state;
    for (int i = 0; i < 127; i++)
        text[i] = (char)(i + 1);
    text[127] = '\0';
    json_write_begin_object(&w, NULL);
    json_write_text(&w, text, text);
    json_write_end_object(&w);
    assert_int_equal(json_read(a, buf_span(&b), &value, NULL), ERR_OK);
    assert_string_equal(json_text(json_member(value, text)), text);
    buf_free(&b);
    arena_free(a);
}

static void mistakes_are_remembered(void **state)
{
    (void)state;
    for (int mistake = 0; mistake < 8; mistake++) {
        struct buf b = buf_make(mistake == 7 ? 5 : 1000);
        struct json_writer w = json_writer_make(&b);
        if (mistake != 0)
            json_write_begin_object(&w, mistake == 1 ? "name" : NULL);
        switch (mistake) {
        case 0: /* nothing open */
            json_write_end_object(&w);
            break;
        case 2: /* closed as something else */
            json_write_end_array(&w);
            break;
        case 3: /* a member without name */
            json_write_number(&w, NULL, 1);
            break;
        case 4: /* an element with a name */
            json_write_begin_array(&w, "list");
            json_write_number(&w, "name", 1);
            break;
        case 5: /* a second document */
            json_write_end_object(&w);
            json_write_begin_object(&w, NULL);
            break;
        case 6: /* too deep */
            for (int i = 0; i < JSON_WRITE_MAX_DEPTH; i++)
                json_write_begin_object(&w, "n");
            break;
        default: /* too large */
            json_write_text(&w, "name", "a text that does not fit");
            break;
        }
        assert_true(b.failed);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(escapes),
        cmocka_unit_test(names_are_escaped_too),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(mistakes_are_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
