/* Tests of client/adopt/adopt_calls: what is a call of a program, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/adopt/adopt_calls.h"

#define CRON    "/etc/cron.d/x"
#define USERS   "/var/spool/cron/crontabs/root"
#define SCRIPT  "/etc/cron.daily/x"
#define SERVICE "/etc/systemd/system/x.service"

static const struct {
    const char *file;
    const char *text;
    const char
        *calls; /* words, and "NAME=VALUE" of what is set before; a call ends with ; */
} rows[] = {
    {CRON, "0 3 * * * root lego --path /x renew\n", "--path /x renew ;"},
    {CRON,
     "0 3 * * * root test -x /usr/bin/lego && cd /x && lego renew >/dev/null 2>&1\n",
     "renew >/dev/null 2> ;"},
    {CRON, "# 0 3 * * * root lego renew\n", ""},
    {CRON, "0 3 * * * root echo lego renew\n", ""},
    {CRON, "0 3 * * * root ls /etc/lego\n", ""},
    {CRON, "@daily root /usr/local/bin/lego renew", "renew ;"},
    {CRON, "@daily", ""},
    {CRON, "@daily root", ""},
    {CRON, "1-59/2 0,12 * jan MON root nice -n 19 lego run\n", "run ;"},
    {CRON, "A=b\n0 3 * * * root C=d lego renew; lego list\n",
     "A=b C=d renew ; A=b list ;"},
    {USERS, "0 3 * * * lego renew\n", "renew ;"},
    {USERS, "0 3 * * * cd /x; /opt/lego --dns 'a b' renew # now\n", "--dns a b renew ;"},
    {SCRIPT,
     "#!/bin/sh\nexport EXEC_PATH=/x\nif lego \\\n  --http renew; then\n reload\nfi\n",
     "EXEC_PATH=/x --http renew ;"},
    {SCRIPT, "for i in 1; do\n lego \"a\\\"b\" '' renew\ndone\n", "a\"b  renew ;"},
    {SCRIPT, "timeout 300 flock -n /run/l lego renew", "renew ;"},
    {SCRIPT, "sh -c 'cd /x && lego renew'", "renew ;"},
    {SCRIPT, "{ lego renew; } && (lego list)", "renew ; list ;"},
    {SCRIPT, "lego", " ;"},
    {SCRIPT, "legolas renew\nnot/lego/x renew", ""},
    {SCRIPT, "lego '", " ;"},
    {SCRIPT, "lego \\", "\\ ;"},
    {SERVICE,
     "[Service]\nEnvironment=A=b \"C=d "
     "e\"\nExecStartPre=-/bin/true\nExecStart=-/usr/bin/lego "
     "\\\n renew\n",
     "A=b C=d e renew ;"},
    {SERVICE, "ExecStart=/bin/sh -ec 'sleep 1; exec lego renew'\n", "renew ;"},
    {SERVICE, "Description=lego renew\n;ExecStart=lego renew\n", ""},
};

static void calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct adopt_calls found = {0};
        const char *all = "";
        adopt_calls_read(a, rows[i].file, span_of(rows[i].text), "lego", &found);
        for (size_t k = 0; k < found.count; k++) {
            const struct adopt_call *c = &found.items[k];
            const char *one = "";
            for (size_t n = 0; n < c->assignment_count; n++)
                one = arena_printf(a, "%s%s ", one, c->assignments[n]);
            for (size_t n = 0; n < c->count; n++)
                one = arena_printf(a, "%s%s ", one, c->words[n]);
            all = arena_printf(a, "%s%s%s;", all, k > 0 ? " " : "",
                               one[0] != '\0' ? one : " ");
        }
        if (strcmp(all, rows[i].calls) != 0)
            fail_msg("row %zu: \"%s\"", i, all);
    }
}

static void options(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct adopt_calls found = {0};

    (void)state;
    adopt_calls_read(a, SCRIPT,
                     span_of("A=1 A=2 lego --http --http.port :5 --dns=x --dns y --path"),
                     "lego", &found);
    assert_int_equal(found.count, 1);
    const struct adopt_call *c = &found.items[0];
    assert_string_equal(adopt_calls_option(c, "--http"), "");
    assert_string_equal(adopt_calls_option(c, "--http.port"), ":5");
    assert_string_equal(adopt_calls_option(c, "--dns"), "y");
    assert_string_equal(adopt_calls_option(c, "--path"), "");
    assert_null(adopt_calls_option(c, "--tls"));
    assert_string_equal(adopt_calls_variable(c, "A"), "2");
    assert_null(adopt_calls_variable(c, "AB"));
}

/* Whatever it is, it ends, and reads nothing behind the text. */
static void rubbish(void **state)
{
    static const char *const parts[] = {"lego ", "'", "\"", "\\", "\n", ";",      "A=",
                                        "$(",    "{", "@",  "* ", "#",  "sh -c ", "\xff"};
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct adopt_calls found = {0};
        const char *text = "";
        for (int k = 0; k < 12; k++) {
            seed = seed * 1103515245u + 12345u;
            text = arena_printf(a, "%s%s", text,
                                parts[(seed >> 16) % (sizeof parts / sizeof parts[0])]);
        }
        adopt_calls_read(a, i % 2 == 0 ? CRON : SERVICE, span_of(text), "lego", &found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls),
        cmocka_unit_test(options),
        cmocka_unit_test(rubbish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
