/* Tests of core/base/log: what a line is made of, and that no value looks like more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/log.h"

#define TEXT_MAX 8192

/* What stands on stderr behind the event's name, of a line that `write_line` writes. */
static const char *line_of(void (*write_line)(const void *argument), const void *argument)
{
    static char text[TEXT_MAX];
    int ends[2];
    int before = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    write_line(argument);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    (void)close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof text - 1);
    (void)close(ends[0]);
    assert_true(len > 0 && text[len - 1] == '\n');
    text[len - 1] = '\0';
    assert_null(strchr(text, '\n'));
    char *at = strstr(text, " an.event ");
    assert_non_null(at);
    return at + strlen(" an.event ");
}

static void write_value(const void *argument)
{
    log_event(LOG_LEVEL_ERROR, "an.event", "why=" LOG_QUOTE " end=%d",
              (const char *)argument, 1);
}

/* A name, a header or a problem document from outside must not look like another member,
 * nor like another line. */
static void a_value_stays_in_its_quotes(void **state)
{
    static const struct {
        const char *value;
        const char *line;
    } rows[] = {
        {"plain", "why=\"plain\" end=1"},
        {"", "why=\"\" end=1"},
        {"a \"b\" c", "why=\"a \\\"b\\\" c\" end=1"},
        {"x\" result=\"ok", "why=\"x\\\" result=\\\"ok\" end=1"},
        {"x\\", "why=\"x\\\\\" end=1"},
        {"x\\\" y=1", "why=\"x\\\\\\\" y=1\" end=1"},
        {"\"", "why=\"\\\"\" end=1"},
        {"two\nlines\r\x1b[1m", "why=\"two?lines??[1m\" end=1"},
        {"100%s %n", "why=\"100%s %n\" end=1"},
        {"\xe2\x80\xae", "why=\"???\" end=1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(line_of(write_value, rows[i].value), rows[i].line);
}

static void write_numbers(const void *argument)
{
    const char *text = argument;

    log_event(LOG_LEVEL_ERROR, "an.event",
              "a=%d b=%ld c=%lld d=%u e=%lu f=%llu g=%zu h=%s%s i=\"%.*s\" j=" LOG_QUOTE,
              -1, -2L, -9223372036854775807LL - 1, 4U, 5UL, 18446744073709551615ULL,
              (size_t)7, text, text, 2, text, text);
}

static void numbers_and_texts(void **state)
{
    (void)state;
    assert_string_equal(line_of(write_numbers, "x\"y"),
                        "a=-1 b=-2 c=-9223372036854775808 d=4 e=5 "
                        "f=18446744073709551615 g=7 h=x\"yx\"y i=\"x\\\"\" "
                        "j=\"x\\\"y\"");
}

/* Cut where the line ends; it is one line nevertheless. */
static void a_long_line_is_cut(void **state)
{
    char text[2 * TEXT_MAX];

    (void)state;
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    size_t len = strlen(line_of(write_value, text));
    assert_true(len > 4000 && len < 4096);
}

static void values(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } rows[] = {
        {"www.example.test", "www.example.test"},
        {"::1", "::1"},
        {"ABC/1.2.3", "ABC/1.2.3"},
        {"", "\"\""},
        {"A B", "\"A B\""},
        {"a\" result=valid \"", "\"a\\\" result=valid \\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"x=y", "\"x=y\""},
        {"\xe6\x97\xa5", "\xe6\x97\xa5"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(log_value(a, rows[i].text), rows[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(a_value_stays_in_its_quotes),
        cmocka_unit_test(numbers_and_texts),
        cmocka_unit_test(a_long_line_is_cut),
    };

    (void)unsetenv("JOURNAL_STREAM");
    log_configure(LOG_LEVEL_DEBUG, "test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
