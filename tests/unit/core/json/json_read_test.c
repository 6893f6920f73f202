/* Tests of core/json/json_read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/buf.h"
#include "core/json/json_read.h"

static int setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static const struct json *read_good(struct arena *a, const char *text)
{
    const struct json *value = NULL;
    struct err_info why = {0};

    if (json_read(a, span_of(text), &value, &why) != ERR_OK)
        fail_msg("%s: %s", text, why.detail);
    return value;
}

static void accepts(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        " { } ",
        "{\"a\":1,\"b\":[true,false,null,-1.5e3,\"x\"]}",
        "[\"\\u20ac\\n\"]",
        "{\"\":0}",
        "[\"[[[[[[[[[[[[[[[[[[[[[[\"]",
        "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[\"]",
        "{\"a\":{\"b\":1},\"c\":{\"b\":2}}",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", /* exactly as deep as allowed */
        "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]",
        "[\"\xe2\x82\xac\"]",
        "[\"\\ud83d\\ude00\"]",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_non_null(read_good(*state, rows[i]));
}

/* S-JWS-16 */
static void refuses(void **state)
{
    static const struct {
        const char *text;
        const char *sentence; /* part of it */
    } rows[] = {
        {"", "empty"},
        {" ", "not valid JSON"},
        {"\"text\"", "not valid JSON"}, /* documents are objects or arrays */
        {"1", "not valid JSON"},
        {"{", "not valid JSON"},
        {"{}{}", "not valid JSON"},
        {"{} x", "not valid JSON"},
        {"\xef\xbb\xbf{}", "not valid JSON"}, /* byte order mark */
        {"{\"a\":1,}", "not valid JSON"},
        {"{'a':1}", "not valid JSON"},
        {"{a:1}", "not valid JSON"},
        {"[01]", "not valid JSON"},
        {"[+1]", "not valid JSON"},
        {"[NaN]", "not valid JSON"},
        {"[99999999999999999999]", "not valid JSON"},
        {"[1]//", "not valid JSON"},
        {"[\"\t\"]", "not valid JSON"},
        {"[\"\\x\"]", "not valid JSON"},
        {"[\"\\u0000\"]", "not valid JSON"},
        {"{\"a\\u0000b\":1}", "not valid JSON"},
        {"[\"\xc3\x28\"]", "not valid JSON"},
        {"[\"\xc0\x80\"]", "not valid JSON"},
        {"[\"\xed\xa0\x80\"]", "not valid JSON"},
        {"[\"\\ud800\"]", "not valid JSON"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":1,\"A\":2}", "twice"},
        {"[{\"x\":{\"Nonce\":1,\"b\":0,\"nonce\":2}}]", "twice"},
        {"{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":"
         "0,"
         "\"k\":0,\"l\":0,\"m\":0,\"n\":0,\"C\":0}",
         "twice"},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "deeper"},
        {"{\"a\":[[[[[[[[[[[[[[[[[[[[", "deeper"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct json *value = NULL;
        struct err_info why = {0};
        assert_int_equal(json_read(*state, span_of(rows[i].text), &value, &why),
                         ERR_MALFORMED);
        assert_null(value);
        if (strstr(why.detail, rows[i].sentence) == NULL)
            fail_msg("%s: \"%s\"", rows[i].text, why.detail);
    }
}

/* S-JWS-16 */
static void refuses_raw_nul_and_size(void **state)
{
    const struct json *value = NULL;
    struct err_info why = {0};
    struct buf b = buf_make(JSON_READ_MAX_SIZE + 1);

    assert_int_equal(json_read(*state, span_make("[\"a\0b\"]", 7), &value, &why),
                     ERR_MALFORMED);
    assert_int_equal(json_read(*state, span_make("[]\0", 3), &value, &why),
                     ERR_MALFORMED);
    buf_add_octet(&b, '[');
    memset(buf_reserve(&b, JSON_READ_MAX_SIZE - 2), ' ', JSON_READ_MAX_SIZE - 2);
    b.len += JSON_READ_MAX_SIZE - 2;
    buf_add_octet(&b, ']');
    assert_int_equal(json_read(*state, buf_span(&b), &value, &why), ERR_OK);
    buf_add_octet(&b, ' ');
    assert_int_equal(json_read(*state, buf_span(&b), &value, &why), ERR_MALFORMED);
    assert_non_null(strstr(why.detail, "larger"));
    buf_free(&b);
}

static void many_members(void **state)
{
    struct buf b = buf_make(JSON_READ_MAX_SIZE);
    const struct json *value = NULL;
    struct err_info why = {0};

    buf_add_octet(&b, '{');
    for (int i = 0; i < 50000; i++)
        buf_printf(&b, "%s\"m%d\":0", i > 0 ? "," : "", i);
    size_t len = b.len;
    buf_add_octet(&b, '}');
    assert_int_equal(json_read(*state, buf_span(&b), &value, &why), ERR_OK);
    assert_int_equal(json_count(value), 50000);
    b.len = len;
    buf_add_text(&b, ",\"M777\":0}");
    assert_int_equal(json_read(*state, buf_span(&b), &value, &why), ERR_MALFORMED);
    buf_free(&b);
}

static void values(void **state)
{
    const struct json *o = read_good(
        *state, "{\"text\":\"a\\u00e9\",\"Bool\":true,\"number\":-5,\"list\":[1,\"two\"],"
                "\"null\":null,\"real\":1.5,\"inner\":{}}");

    assert_true(json_is_object(o));
    assert_false(json_is_array(o));
    assert_int_equal(json_count(o), 7);
    assert_string_equal(json_text(json_member(o, "text")), "a\xc3\xa9");
    assert_int_equal(json_span(json_member(o, "text")).len, 3);
    assert_true(json_is_string(json_member(o, "TEXT"))); /* any case */
    assert_null(json_member(o, "tex"));
    assert_null(json_member(o, "texts"));
    assert_null(json_member(NULL, "text"));
    const struct json *list = json_member(o, "list");
    assert_null(json_member(list, "text"));
    assert_true(json_is_array(list));
    assert_int_equal(json_count(list), 2);
    assert_string_equal(json_text(json_element(list, 1)), "two");
    assert_null(json_element(list, 2));
    assert_null(json_element(o, 0));
    assert_null(json_element(NULL, 0));
    assert_null(json_text(o));
    assert_null(json_text(NULL));
    assert_int_equal(json_span(o).len, 0);
    assert_int_equal(json_count(json_member(o, "text")), 0);
    assert_int_equal(json_count(NULL), 0);
    assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_string(NULL));
}

static void members_with_types(void **state)
{
    const struct json *o =
        read_good(*state, "{\"text\":\"x\",\"Bool\":true,\"number\":-5,"
                          "\"list\":[1],\"null\":null,\"real\":1.5}");
    struct err_info why = {0};
    const char *text = "old";
    bool flag = false;
    int64_t number = 0;
    const struct json *array = NULL;

    assert_int_equal(json_need_text(o, "text", &text, &why), ERR_OK);
    assert_string_equal(text, "x");
    assert_int_equal(json_need_text(o, "none", &text, &why), ERR_MALFORMED);
    assert_string_equal(why.detail, "none is missing");
    assert_string_equal(text, "x");
    assert_int_equal(json_need_text(o, "null", &text, &why), ERR_MALFORMED);
    assert_string_equal(why.detail, "null must be a string");
    assert_int_equal(json_take_text(o, "none", &text, &why), ERR_OK);
    assert_null(text);
    assert_int_equal(json_take_text(o, "number", &text, &why), ERR_MALFORMED);
    assert_int_equal(json_take_bool(o, "bool", false, &flag, &why), ERR_OK);
    assert_true(flag);
    assert_int_equal(json_take_bool(o, "none", true, &flag, &why), ERR_OK);
    assert_true(flag);
    assert_int_equal(json_take_bool(o, "text", true, &flag, &why), ERR_MALFORMED);
    assert_int_equal(json_take_number(o, "number", 7, &number, &why), ERR_OK);
    assert_int_equal(number, -5);
    assert_int_equal(json_take_number(o, "none", 7, &number, &why), ERR_OK);
    assert_int_equal(number, 7);
    assert_int_equal(json_take_number(o, "real", 7, &number, &why), ERR_MALFORMED);
    assert_int_equal(json_need_array(o, "list", &array, &why), ERR_OK);
    assert_int_equal(json_count(array), 1);
    assert_int_equal(json_need_array(o, "text", &array, &why), ERR_MALFORMED);
    assert_int_equal(json_need_array(o, "none", &array, &why), ERR_MALFORMED);
}

static void members_in_order_and_kinds(void **state)
{
    static const char text[] = "{\"z\":1,\"a\":true,\"m\":false,\"b\":-5.0,\"c\":\"9\"}";
    static const char *const names[] = {"z", "a", "m", "b", "c"};
    AUTO(arena) struct arena *a = arena_new();
    const struct json *o = NULL;
    const char *name = "untouched";
    struct err_info why = {0};

    (void)state;
    assert_int_equal(json_read(a, span_of(text), &o, &why), ERR_OK);
    assert_null(json_member_at(o, 5, &name));
    assert_null(json_member_at(json_member(o, "z"), 0, &name));
    assert_null(json_member_at(NULL, 0, &name));
    assert_string_equal(name, "untouched");
    for (size_t i = 0; i < 5; i++) {
        assert_ptr_equal(json_member_at(o, i, &name), json_member(o, names[i]));
        assert_string_equal(name, names[i]);
    }
    assert_true(json_is_whole(json_member(o, "z")));
    assert_int_equal(json_whole(json_member(o, "z")), 1);
    assert_false(json_is_whole(json_member(o, "b")) ||
                 json_is_whole(json_member(o, "c")));
    assert_int_equal(json_whole(json_member(o, "b")) + json_whole(NULL), 0);
    assert_true(json_is_true(json_member(o, "a")) && json_is_false(json_member(o, "m")));
    assert_false(json_is_true(json_member(o, "m")) ||
                 json_is_false(json_member(o, "z")) || json_is_true(NULL) ||
                 json_is_false(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accepts, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_raw_nul_and_size, setup, teardown),
        cmocka_unit_test_setup_teardown(many_members, setup, teardown),
        cmocka_unit_test_setup_teardown(values, setup, teardown),
        cmocka_unit_test_setup_teardown(members_with_types, setup, teardown),
        cmocka_unit_test(members_in_order_and_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
