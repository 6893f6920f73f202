/* Tests of core/json/json_copy: what is read and copied is the same text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/json/json_copy.h"

static void what_is_read_is_written(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"a\":[1,-2,{\"b\":[[],{}]}],\"c\":false,\"d\":null,\"e\":\"\\\"\\\\\"}",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        AUTO(buf) struct buf b = buf_make(1000);
        struct json_writer w = json_writer_make(&b);
        const struct json *value = NULL;
        struct err_info why = {0};
        assert_int_equal(json_read(a, span_of(texts[i]), &value, &why), ERR_OK);
        json_copy_value(&w, NULL, value);
        assert_string_equal(arena_string_of(a, buf_span(&b)), texts[i]);
    }
}

static void what_cannot_be_written_is_null(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(buf) struct buf b = buf_make(1000);
    struct json_writer w = json_writer_make(&b);
    const struct json *value = NULL;
    struct err_info why = {0};

    (void)state;
    assert_int_equal(json_read(a, span_of("[1.5,1]"), &value, &why), ERR_OK);
    json_write_begin_object(&w, NULL);
    json_copy_value(&w, "a", value);
    json_copy_value(&w, "b", NULL);
    json_write_end_object(&w);
    assert_string_equal(arena_string_of(a, buf_span(&b)), "{\"a\":[null,1],\"b\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(what_cannot_be_written_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
