/* Tests of core/config on a small table; server/settings tests every option of the CA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/config/config.h"

struct values {
    const char *text;
    int64_t number;
    bool flag;
    int64_t wait;
    struct config_list list;
};

static const struct config_option options[] = {
    {"text", CONFIG_TEXT, offsetof(struct values, text), "hello", 0, 0, "A text."},
    {"a.number", CONFIG_NUMBER, offsetof(struct values, number), "7", 1, 10, "A number."},
    {"a.flag", CONFIG_BOOL, offsetof(struct values, flag), "true", 0, 0, "A flag."},
    {"a.wait", CONFIG_DURATION, offsetof(struct values, wait), "1m", 0, 3600000,
     "A wait."},
    {"list", CONFIG_LIST, offsetof(struct values, list), "x y", 0, 0, "A list."},
};
static const struct config_table table = {options, 5};

static struct arena *arena;

static enum err read_over(struct values *v, const char *text, struct err_info *why)
{
    assert_int_equal(config_defaults(arena, &table, v, NULL), ERR_OK);
    return config_read(arena, &table, "f", span_of(text), v, why);
}

static void good(void **state)
{
    struct values v;

    (void)state;
    assert_int_equal(read_over(&v, "", NULL), ERR_OK);
    assert_string_equal(v.text, "hello");
    assert_int_equal(v.number, 7);
    assert_true(v.flag);
    assert_int_equal(v.wait, 60000);
    assert_int_equal(v.list.count, 2);
    assert_int_equal(read_over(&v,
                               "text: 'it''s'\na:\n  number: 10\n  flag: false\n"
                               "  wait: 250ms\nlist:\n  - \"p q\"\n  - r\n",
                               NULL),
                     ERR_OK);
    assert_string_equal(v.text, "it's");
    assert_int_equal(v.number, 10);
    assert_false(v.flag);
    assert_int_equal(v.wait, 250);
    assert_int_equal(v.list.count, 2);
    assert_string_equal(v.list.items[0], "p q");
    /* a text is a list of one, an empty one of none; a section may be empty */
    assert_int_equal(read_over(&v, "list: z\na:\n", NULL), ERR_OK);
    assert_int_equal(v.list.count, 1);
    assert_int_equal(read_over(&v, "list: ''\n", NULL), ERR_OK);
    assert_int_equal(v.list.count, 0);
    assert_int_equal(read_over(&v, "{text: x, a: {number: 1}, list: [p]}\n", NULL),
                     ERR_OK);
    assert_int_equal(v.number, 1);
}

static void bad(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"a:\n  flag: yes\n", "f:2:9: a.flag: \"yes\" is not true or false"},
        {"a:\n  number: 11\n", "f:2:11: a.number: 11 is outside 1 to 10"},
        {"a:\n  wait: 2h\n", "f:2:9: a.wait: 2h is outside 0ms to 1h"},
        {"text: a\ntext: b\n", "f:2:"},
        {"a:\n  number: 1\na.number: 2\n", "a.number is given twice"},
        {"list:\n  - [x]\n", "list: every element must be a text"},
        {"tekst: a\n", "f:1:1: there is no option \"tekst\"; did you mean \"text\"?"},
        {"a:\n  numbr: 1\n", "did you mean \"a.number\"?"},
        {"b:\n  c: 1\n", "there is no option \"b\""},
        {"text: {x: y}\n", "text must be a single value"},
        {"[]\n", "options are written as"},
        {"text: &x a\na: *y\n", "f:"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct values v;
        struct err_info why = {0};
        assert_int_equal(read_over(&v, rows[i].text, &why), ERR_CONFIG);
        if (strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s instead of %s", why.detail, rows[i].words);
    }
}

static void written(void **state)
{
    struct values v;
    AUTO(buf) struct buf b = buf_make(1000);

    (void)state;
    assert_int_equal(read_over(&v, "list: [a, 'b\"c']\na:\n  wait: 90s\n", NULL), ERR_OK);
    config_write(&b, &table, &v);
    assert_true(span_is(buf_span(&b), "# A text.\ntext: \"hello\"\n"
                                      "\na:\n"
                                      "  # A number.\n  number: 7\n"
                                      "  # A flag.\n  flag: true\n"
                                      "  # A wait.\n  wait: 90s\n"
                                      "\n"
                                      "# A list.\nlist: [\"a\", \"b\\\"c\"]\n"));
    struct values again;
    assert_int_equal(config_defaults(arena, &table, &again, NULL), ERR_OK);
    struct err_info why = {0};
    if (config_read(arena, &table, "f", buf_span(&b), &again, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    assert_int_equal(again.wait, 90000);
    assert_string_equal(again.list.items[1], "b\"c");
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
