/* Tests of client/run: the runner and what it starts. Programs are Debian's own. */
#include "run_world.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"

static const enum run_rights both[] = {RUN_AS_WE_ARE, RUN_CONFINED};

static void ends_and_outputs(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        run_world_check(w, both[i], "echo out; echo error >&2", 0, "out\n");
        assert_true(span_is(w->result.errors, "error\n"));
        run_world_check(w, both[i], "exit 7", 7, "");
        run_world_check(w, both[i], "kill -9 $$", 128 + SIGKILL, "");
        assert_false(w->result.timed_out);
    }
}

static void environment_is_the_same_each_time(void **state)
{
    struct world *w = *state;
    static const char *const given[] = {"TOKEN=a b", "LANG=de", NULL};
    const char *const arguments[] = {"env", NULL};
    const struct run_request request = {.arguments = arguments, .environment = given};

    (void)setenv("OF_THE_CALLER", "secret", 1);
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    const char *output = arena_string_of(w->arena, w->result.output);
    assert_null(strstr(output, "OF_THE_CALLER"));
    assert_non_null(strstr(output, "TOKEN=a b\n"));
    assert_non_null(strstr(output, "LANG=de\n"));
    assert_null(strstr(output, "LANG=C"));
    assert_non_null(strstr(output, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"));
    assert_non_null(strstr(output, "HOME="));
    run_world_check(w, RUN_CONFINED,
                    "test \"$HOME\" = \"$TMPDIR\" && test \"$HOME\" = \"$(pwd)\"", 0, "");
}

/* Nothing that is open here, or blocked or ignored, is so there. */
static void nothing_is_inherited(void **state)
{
    struct world *w = *state;

    run_world_check(w, RUN_AS_WE_ARE,
                    "cd /proc/self/fd && ls | head -3 | tr '\\n' ' '; readlink 0; "
                    "grep -E 'Sig(Ign|Blk)' /proc/self/status | tr -d '\\t\\n'",
                    0, "0 1 2 /dev/null\nSigBlk:0000000000000000SigIgn:0000000000000000");
}

static void input_is_fed(void **state)
{
    struct world *w = *state;
    const char *const arguments[] = {"wc", "-c", NULL};
    const char *const ignores[] = {"true", NULL};
    const size_t len = 1000000;
    struct run_request request = {.arguments = arguments,
                                  .input = {arena_get(w->arena, len), len}};

    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    assert_true(span_is(w->result.output, "1000000\n"));
    request.arguments = ignores;
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    assert_int_equal(w->result.code, 0);
}

static void the_last_octets_are_kept(void **state)
{
    struct world *w = *state;

    assert_int_equal(
        run_world_shell(w, RUN_CONFINED,
                        "head -c 50000000 /dev/zero; echo the end; "
                        "head -c 3000000 /dev/zero >&2; echo the other end >&2"),
        ERR_OK);
    assert_int_equal(w->result.output.len, RUN_OUTPUT_MAX);
    assert_int_equal(w->result.errors.len, RUN_OUTPUT_MAX);
    assert_string_equal(
        run_last_line(w->arena, span_slice(w->result.output, RUN_OUTPUT_MAX - 8, 8)),
        "the end");
}

static void programs_that_are_not_there(void **state)
{
    static const struct {
        const char *program;
        const char *says;
    } rows[] = {
        {"/nowhere/program", "there is no program /nowhere/program"},
        {"cairn-no-such-program", "there is no program cairn-no-such-program in /usr/"},
        {"some/where", "write the program's whole path"},
        {"/etc/passwd", "cannot run /etc/passwd: Permission denied"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const arguments[] = {rows[i].program, NULL};
        const struct run_request request = {.arguments = arguments};
        assert_int_equal(
            run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
            ERR_NOT_FOUND);
        assert_non_null(strstr(w->why.detail, rows[i].says));
    }
}

static void scripts_that_cannot_be_run(void **state)
{
    struct world *w = *state;
    struct run_request request = {0};
    const char *arguments[] = {NULL, NULL};

    request.arguments = arguments;
    arguments[0] = run_world_file(w, "no-shell", "#!/nowhere/sh\n", 0755);
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(w->why.detail, "that its first line names is not there"));
    arguments[0] = run_world_file(w, "no-first-line", "echo\n", 0755);
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(w->why.detail, "nor a script that begins with #!"));
    if (geteuid() != 0)
        return; /* the next one is about another user */
    arguments[0] = run_world_file(w, "hook", "#!/bin/sh\n", 0755);
    request.rights = RUN_CONFINED;
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(w->why.detail, "the user nobody may not run"));
    request.user = "no-such-user";
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_CONFIG);
    assert_non_null(strstr(w->why.detail, "there is no user no-such-user"));
    request.user = "root";
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_CONFIG);
}

static void failures_are_told(void **state)
{
    struct world *w = *state;
    const char *arguments[] = {"/bin/sh", "-c", NULL, NULL};
    struct run_request request = {.arguments = arguments, .timeout_ms = 300};

    arguments[2] = "echo first >&2; printf 'no \\033[1mzone\\n\\n' >&2; exit 3";
    assert_int_equal(run_or_fail(w->runner.fd, w->arena, &request, ERR_DEPLOY, "nginx",
                                 &w->result, &w->why),
                     ERR_DEPLOY);
    assert_string_equal(w->why.detail,
                        "nginx: /bin/sh ended with exit code 3: no ?[1mzone");
    arguments[2] = "echo to the output; exit 1";
    assert_int_equal(run_or_fail(w->runner.fd, w->arena, &request, ERR_DEPLOY, "nginx",
                                 &w->result, &w->why),
                     ERR_DEPLOY);
    assert_string_equal(w->why.detail,
                        "nginx: /bin/sh ended with exit code 1: to the output");
    arguments[2] = "kill -11 $$";
    assert_int_equal(run_or_fail(w->runner.fd, w->arena, &request, ERR_DEPLOY, "nginx",
                                 &w->result, &w->why),
                     ERR_DEPLOY);
    assert_string_equal(w->why.detail, "nginx: /bin/sh was ended by signal 11");
    arguments[2] = "exec sleep 60";
    assert_int_equal(run_or_fail(w->runner.fd, w->arena, &request, ERR_DEPLOY, "nginx",
                                 &w->result, &w->why),
                     ERR_DEPLOY);
    assert_non_null(strstr(w->why.detail, "took longer than 0 s and was ended"));
    arguments[2] = "exit 0";
    assert_int_equal(run_or_fail(w->runner.fd, w->arena, &request, ERR_DEPLOY, "nginx",
                                 &w->result, &w->why),
                     ERR_OK);
}

/* Time is up: the program, what does not listen to SIGTERM, and what made itself a
 * session and lost its parent, are ended. */
static void time_is_up(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        const char *const arguments[] = {
            "/bin/sh", "-c",
            "trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 98761; sleep 98761\" &); "
            "echo begun; sleep 98761; sleep 98761",
            NULL};
        const struct run_request request = {
            .arguments = arguments, .rights = both[i], .timeout_ms = 500};
        int64_t begun = clock_monotonic_us();
        assert_int_equal(
            run_program(w->runner.fd, w->arena, &request, &w->result, &w->why), ERR_OK);
        assert_true(w->result.timed_out);
        assert_int_equal(w->result.code, 128 + SIGKILL);
        assert_true(span_is(w->result.output, "begun\n"));
        assert_true(clock_monotonic_us() - begun < 10000000);
        assert_false(run_world_is_running(w, "sleep 9876[1]"));
    }
}

/* It may clean up when it is asked to end. */
static void there_is_time_to_clean_up(void **state)
{
    struct world *w = *state;
    const char *const arguments[] = {
        "/bin/sh", "-c", "trap 'echo cleaned; exit 4' TERM; sleep 9 & wait", NULL};
    const struct run_request request = {
        .arguments = arguments, .rights = RUN_CONFINED, .timeout_ms = 300};

    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    assert_true(w->result.timed_out);
    assert_int_equal(w->result.code, 4);
    assert_true(span_is(w->result.output, "cleaned\n"));
}

/* What a command of the administrator starts may stay, a confined one leaves nothing. */
static void daemons(void **state)
{
    struct world *w = *state;
    static const char start[] =
        "(setsid sh -c 'exec sleep 98762' &); echo started; exit 0";

    run_world_check(w, RUN_CONFINED, start, 0, "started\n");
    assert_false(run_world_is_running(w, "sleep 9876[2]"));
    run_world_check(w, RUN_AS_WE_ARE, start, 0, "started\n");
    assert_true(run_world_is_running(w, "sleep 9876[2]"));
    run_world_check(w, RUN_AS_WE_ARE, "pkill -f 'sleep 9876[2]'", 0, "");
}

struct task {
    struct world *world;
    pthread_t thread;
    bool good;
};

static void *run_one(void *argument)
{
    struct task *t = argument;
    AUTO(arena) struct arena *a = arena_new();
    static const char *const arguments[] = {"/bin/sh", "-c", "sleep 1; echo done", NULL};
    const struct run_request request = {.arguments = arguments};
    struct err_info why = {0};
    struct run_result result = {0};

    t->good = run_program(t->world->runner.fd, a, &request, &result, &why) == ERR_OK &&
              span_is(result.output, "done\n");
    return NULL;
}

static void many_at_the_same_time(void **state)
{
    struct world *w = *state;
    struct task tasks[16];
    int64_t begun = clock_monotonic_us();

    for (size_t i = 0; i < 16; i++) {
        tasks[i] = (struct task){.world = w};
        assert_int_equal(pthread_create(&tasks[i].thread, NULL, run_one, &tasks[i]), 0);
    }
    for (size_t i = 0; i < 16; i++) {
        (void)pthread_join(tasks[i].thread, NULL);
        assert_true(tasks[i].good);
    }
    assert_true(clock_monotonic_us() - begun < 8000000); /* not 16 s */
}

/* Who waits gets a signal, or is killed: the program ends, too. */
static void the_caller_goes(void **state)
{
    struct world *w = *state;
    static const char *const arguments[] = {"sleep", "98763", NULL};
    const struct run_request request = {.arguments = arguments};
    static const int numbers[] = {SIGINT, SIGKILL};

    for (size_t i = 0; i < 2; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGINT, SIG_DFL);
            interrupt_watch();
            _exit(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why) ==
                          ERR_INTERRUPTED
                      ? 0
                      : 1);
        }
        for (int tries = 0; tries < 100 && !run_world_is_running(w, "sleep 9876[3]");
             tries++)
            (void)usleep(20000);
        assert_true(run_world_is_running(w, "sleep 9876[3]"));
        (void)kill(child, numbers[i]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(numbers[i] == SIGKILL ||
                    (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        for (int tries = 0; tries < 200 && run_world_is_running(w, "sleep 9876[3]");
             tries++)
            (void)usleep(20000);
        assert_false(run_world_is_running(w, "sleep 9876[3]"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, run_world_set_up, run_world_tear_down)
        TEST(ends_and_outputs),
        TEST(environment_is_the_same_each_time),
        TEST(nothing_is_inherited),
        TEST(input_is_fed),
        TEST(the_last_octets_are_kept),
        TEST(programs_that_are_not_there),
        TEST(scripts_that_cannot_be_run),
        TEST(failures_are_told),
        TEST(time_is_up),
        TEST(there_is_time_to_clean_up),
        TEST(daemons),
        TEST(many_at_the_same_time),
        TEST(the_caller_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
