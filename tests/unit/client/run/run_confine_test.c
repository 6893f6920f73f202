/* Tests of client/run/run_confine: what hostile programs try. */
#include "run_world.h"

static void what_a_confined_program_cannot(void **state)
{
    struct world *w = *state;
    const char *key = run_world_file(w, "key.pem", "SECRET\n", 0600);
    static const char *const tries[] = {
        "cat \"$1/key.pem\"",
        "echo >> \"$1/key.pem\"",
        "echo > \"$1/new\"",
        "echo > /tmp/cairn-escape",
        "ls \"$1\"",
        "mkdir /var/tmp/cairn-escape",
        "echo > /etc/cairn-escape",
        "echo > /dev/shm/cairn-escape",
        "ln -s / \"$HOME/all\" && cat \"$HOME/all$1/key.pem\"",
        "ln \"$1/key.pem\" \"$HOME/key\" && cat \"$HOME/key\"",
        "ls /root",
        "ls /home",
        "ls /tmp",
        "ls /run",
        "kill -0 $PPID",
        "cat /proc/$PPID/environ",
        "cat /proc/$PPID/mem",
        "cat /etc/shadow",
        "mount -t tmpfs none /mnt",
        "unshare -m true",
        "chown 0 \"$HOME\"",
        ("cp /usr/bin/id id && chown 0 id 2> /dev/null && chmod u+s id && "
         "test \"$(./id -u)\" = 0 && test \"$(id -u)\" != 0"),
        "nice -n -5 true 2>&1 | grep -v 'cannot set'",
        "ulimit -c 100",
        "test -t 0",
    };

    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        if (geteuid() != 0 && (strstr(tries[i], "unshare") != NULL))
            continue;
        assert_int_equal(run_world_shell(w, RUN_CONFINED, tries[i]), ERR_OK);
        if (w->result.code == 0)
            print_message("it can: %s\n", tries[i]);
        assert_int_not_equal(w->result.code, 0);
        assert_null(strstr(arena_string_of(w->arena, w->result.output), "SECRET"));
    }
    struct span content;
    assert_int_equal(file_read(w->arena, key, 100, &content, &w->why), ERR_OK);
    assert_true(span_is(content, "SECRET\n"));
}

/* And what it can: else what was tried above would prove nothing. */
static void what_a_confined_program_can(void **state)
{
    struct world *w = *state;

    run_world_check(
        w, RUN_CONFINED,
        "set -e; echo kept > file; cat file; mkdir folder; mv file folder/; "
        "rm -r folder; cat /etc/passwd > /dev/null; : > /dev/null; "
        "f=$(mktemp); test \"${f%/*}\" = \"$HOME\"; openssl version > /dev/null; "
        "printf '#!/bin/sh\\necho own' > own; chmod 755 own; ./own; "
        "bash -c 'cat <(echo substituted)'",
        0, "kept\nown\nsubstituted\n");
    if (geteuid() == 0)
        run_world_check(
            w, RUN_CONFINED,
            "id -un; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -d "
            "'\\t\\n'",
            0, "nobody\n65534\nCapEff:0000000000000000NoNewPrivs:1");
}

/* Its folder is gone afterwards, whatever is in it. */
static void the_folder_goes(void **state)
{
    struct world *w = *state;
    struct stat about;

    assert_int_equal(
        run_world_shell(w, RUN_CONFINED,
                        "mkdir -p a/b/c; echo > a/b/c/d; ln -s /etc/passwd a/link; "
                        "mkfifo a/fifo; printf %s \"$HOME\""),
        ERR_OK);
    const char *folder = arena_string_of(w->arena, w->result.output);
    assert_non_null(strstr(folder, "/tmp/cairn-"));
    assert_int_not_equal(lstat(folder, &about), 0);
    assert_true(file_exists("/etc/passwd"));
}

static void what_it_may_read_besides(void **state)
{
    struct world *w = *state;
    const char *const arguments[] = {"/bin/sh", "-c",      "cat \"$1/open\"",
                                     "sh",      w->folder, NULL};
    const char *const readable[] = {w->folder, NULL};
    struct run_request request = {.arguments = arguments, .rights = RUN_CONFINED};

    (void)run_world_file(w, "open", "content\n", 0644);
    assert_int_equal(chmod(w->folder, 0755), 0);
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    assert_int_not_equal(w->result.code, 0);
    request.readable = readable;
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    assert_true(span_is(w->result.output, "content\n"));
}

/* As a user whom nobody else is, so that no other test wants for processes. It has an
 * end, and others of that user can start processes afterwards. */
static void a_fork_bomb(void **state)
{
    struct world *w = *state;
    static const char bomb[] = "setsid sh -c \"$1\" 98764 \"$1\" & "
                               "setsid sh -c \"$1\" 98764 \"$1\" & wait; sleep 98764";
    const char *const arguments[] = {"/bin/sh", "-c", bomb, "98764", bomb, NULL};
    const struct run_request request = {.arguments = arguments,
                                        .user = "games",
                                        .rights = RUN_CONFINED,
                                        .timeout_ms = 1000};

    if (geteuid() != 0)
        skip(); /* it would be this user's own processes that cannot be started */
    assert_int_equal(run_program(w->runner.fd, w->arena, &request, &w->result, &w->why),
                     ERR_OK);
    assert_false(run_world_is_running(w, "9876[4]"));
    run_world_check(w, RUN_CONFINED, "true | true", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, run_world_set_up, run_world_tear_down)
        TEST(what_a_confined_program_cannot),
        TEST(what_a_confined_program_can),
        TEST(the_folder_goes),
        TEST(what_it_may_read_besides),
        TEST(a_fork_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
