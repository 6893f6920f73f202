/* Tests of client/report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/report/report.h"
#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/file.h"

struct told {
    char verb[16];
    char line[64];
};

static void take(void *context, const char *verb, const char *line)
{
    struct told *t = context;

    (void)strncpy(t->verb, verb, sizeof t->verb - 1);
    (void)strncpy(t->line, line, sizeof t->line - 1);
}

static void steps_are_handed_over(void **state)
{
    struct told told = {0};
    const struct report r = {.tell = take, .context = &told};

    (void)state;
    report_step(&r, "order", "%s\x1b[31m\n%d", "evil", 7);
    assert_string_equal(told.verb, "order");
    assert_string_equal(told.line, "evil?[31m?7"); /* nothing that moves a cursor */
    report_warn(&r, "%s\x1b", "beware");
    assert_string_equal(told.verb, REPORT_WARNING);
    assert_string_equal(told.line, "beware?");
}

/* The time, the name, the step; quiet or not; and warnings. */
static void the_log_has_every_line(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char folder[] = "/tmp/cairn-report-XXXXXX";
    const struct report quiet = {.quiet = true, .about = "www"};
    const struct report json = {.json = true};
    static const char *const failures[] = {
        "www was not proved", "deployment web of www: no", "www.example.test: no",
        "a copy of www of it: no", "no end of www"};
    struct err_info why = {0};
    struct stat status;
    struct span text;

    (void)state;
    assert_non_null(mkdtemp(folder));
    const char *path = file_path(a, folder, "log");
    assert_int_equal(report_log(path, &why), ERR_OK);
    report_step(&quiet, "key", "%s", "ECDSA P-256");
    report_step(&quiet, "issued", "www, valid");
    report_step(&json, "done", "all");
    report_warning("%s", "a\nb");
    report_take(&quiet, REPORT_WARNING, "c");
    report_take(&quiet, "proved", "www.example.test");
    report_warn(&quiet, "www: d");
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        report_failure("www", failures[i]);
    assert_int_equal(file_read(a, path, 1024, &text, &why), ERR_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0137, 0);
    const char *line = (const char *)text.data;
    static const char *const lines[] = {"Z key       www: ECDSA P-256\n",
                                        "Z issued    www, valid\n",
                                        "Z done      all\n",
                                        "Z warning   a?b\n",
                                        "Z warning   www: c\n",
                                        "Z proved    www: www.example.test\n",
                                        "Z warning   www: d\n",
                                        "Z warning   www was not proved\n",
                                        "Z warning   deployment web of www: no\n",
                                        "Z warning   www: www.example.test: no\n",
                                        "Z warning   www: a copy of www of it: no\n",
                                        "Z warning   www: no end of www\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_memory_equal(line, "20", 2);
        assert_int_equal(line[10], 'T');
        assert_memory_equal(line + 19, lines[i], strlen(lines[i]));
        line += 19 + strlen(lines[i]);
    }
    assert_int_equal(*line, '\0');
    assert_int_equal(report_log(file_path(a, folder, "no/log"), &why), ERR_IO);
    report_log_forget();
    report_step(&quiet, "key", "is told to nobody");
    assert_int_equal(file_read(a, path, 1024, &text, &why), ERR_OK);
    assert_null(strstr((const char *)text.data, "nobody"));
    (void)unlink(path);
    (void)rmdir(folder);
}

static void moments_of_short_lives_have_the_time(void **state)
{
    char text[CLOCK_TEXT_SIZE];

    (void)state;
    report_moment(text, 1700000000, REPORT_SHORT_LIFE_S);
    assert_string_equal(text, "2023-11-14");
    report_moment(text, 1700000000, REPORT_SHORT_LIFE_S - 1);
    assert_string_equal(text, "2023-11-14T22:13:20Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_of_short_lives_have_the_time),
        cmocka_unit_test(steps_are_handed_over),
        cmocka_unit_test(the_log_has_every_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
