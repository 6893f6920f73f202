/* Tests of client/store/state: who may have a lock beside whom, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/store/state.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/text.h"

struct place {
    struct arena *arena;
    char directory[64];
    struct err_info why;
};

static int set_up(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    (void)text_copy(p->directory, sizeof p->directory, "/tmp/cairn-state-XXXXXX");
    p->arena = arena_new();
    if (mkdtemp(p->directory) == NULL)
        return -1;
    *state = p;
    return state_prepare(p->arena, p->directory, &p->why) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char *command[] = {(char[]){"rm"}, (char[]){"-rf"}, p->directory, NULL};

    arena_free(p->arena);
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/rm", command);
        _exit(1);
    }
    test_free(p);
    return child > 0 ? 0 : -1;
}

static enum err certificate(struct place *p, const char *name, int64_t wait_ms,
                            struct state_lock *lock)
{
    return state_lock_certificate(p->arena, p->directory, name, wait_ms, lock, &p->why);
}

static void test_one_at_a_time(void **state)
{
    struct place *p = *state;
    struct state_lock first = {0};
    struct state_lock second = {0};
    struct state_lock other = {0};
    char process[32];

    assert_int_equal(certificate(p, "a.test", 0, &first), ERR_OK);
    assert_int_equal(certificate(p, "b.test", 0, &other), ERR_OK);
    assert_int_equal(certificate(p, "a.test", 0, &second), ERR_LOCKED);
    (void)snprintf(process, sizeof process, "(process %d)", (int)getpid());
    assert_non_null(strstr(p->why.detail, "the certificate \"a.test\""));
    assert_non_null(strstr(p->why.detail, process));
    assert_false(second.held);
    state_unlock(&first);
    state_unlock(&first); /* twice is fine */
    assert_int_equal(certificate(p, "a.test", 0, &second), ERR_OK);
    state_unlock(&second);
    state_unlock(&other);
}

static void test_shared(void **state)
{
    struct place *p = *state;
    const char *folder = file_path(p->arena, p->directory, "accounts/x");
    struct state_lock locks[3] = {{0}};

    assert_int_equal(
        state_lock_account(p->arena, folder, STATE_LOCK_SHARED, 0, &locks[0], &p->why),
        ERR_OK);
    assert_int_equal(
        state_lock_account(p->arena, folder, STATE_LOCK_SHARED, 0, &locks[1], &p->why),
        ERR_OK);
    assert_int_equal(
        state_lock_account(p->arena, folder, STATE_LOCK_EXCLUSIVE, 0, &locks[2], &p->why),
        ERR_LOCKED);
    state_unlock(&locks[0]);
    state_unlock(&locks[1]);
    assert_int_equal(
        state_lock_account(p->arena, folder, STATE_LOCK_EXCLUSIVE, 0, &locks[2], &p->why),
        ERR_OK);
    assert_int_equal(
        state_lock_account(p->arena, folder, STATE_LOCK_SHARED, 0, &locks[1], &p->why),
        ERR_LOCKED);
    state_unlock(&locks[2]);
}

/* A process that has the lock, says so, and waits to be killed. */
static pid_t holder(struct place *p, const char *name)
{
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct state_lock lock = {0};
        if (certificate(p, name, 0, &lock) != ERR_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_true(child > 0);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void test_a_killed_process_has_no_lock(void **state)
{
    struct place *p = *state;
    struct state_lock lock = {0};
    pid_t child = holder(p, "a.test");

    assert_int_equal(certificate(p, "a.test", 0, &lock), ERR_LOCKED);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(certificate(p, "a.test", 10000, &lock), ERR_OK);
    state_unlock(&lock);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_waiting_ends(void **state)
{
    struct place *p = *state;
    struct state_lock first = {0};
    struct state_lock second = {0};

    assert_int_equal(certificate(p, "a.test", 0, &first), ERR_OK);
    int64_t begin = clock_monotonic_us();
    assert_int_equal(certificate(p, "a.test", 200, &second), ERR_LOCKED);
    assert_true(clock_monotonic_us() - begin >= 200000);
    state_unlock(&first);
}

/* Who waits for the lock of a certificate that is removed gets that of the new folder. */
static void test_removed_while_it_is_held(void **state)
{
    struct place *p = *state;
    const char *folder = file_path(p->arena, p->directory, "certificates/a.test");
    const char *path = file_path(p->arena, folder, "lock");
    struct state_lock first = {0};
    struct state_lock second = {0};
    struct state_lock third = {0};

    assert_int_equal(certificate(p, "a.test", 0, &first), ERR_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(certificate(p, "a.test", 0, &second), ERR_OK);
    assert_int_equal(certificate(p, "a.test", 0, &third), ERR_LOCKED);
    state_unlock(&first);
    assert_int_equal(certificate(p, "a.test", 0, &third), ERR_LOCKED);
    state_unlock(&second);
}

static void test_a_link_is_no_lock(void **state)
{
    struct place *p = *state;
    struct state_lock lock = {0};
    const char *folder = file_path(p->arena, p->directory, "certificates/a.test");

    assert_int_equal(file_make_directory(folder, 0700, &p->why), ERR_OK);
    assert_int_equal(symlink("/etc/passwd", file_path(p->arena, folder, "lock")), 0);
    assert_int_equal(certificate(p, "a.test", 0, &lock), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_killed_process_has_no_lock, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_while_it_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_is_no_lock, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
