/* Tests of client/run/run_crew: processes of cairn that the runner starts and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/proc/child.h"
#include "client/run/run.h"
#include "client/run/run_crew.h"

#define STAT_SIZE  512
#define TRIES      2000
#define TRY_MS     5
#define MANY       40 /* more than there may be at a time */
#define NO_PROCESS '-'

enum { ENDS, STAYS, MEMBERS };

static int end_at_once(int fd)
{
    (void)fd;
    return 0;
}

static int stay(int fd)
{
    char octet;

    return read(fd, &octet, 1) != 0;
}

static const struct run_member members[MEMBERS] = {
    [ENDS] = {CHILD_STRANGER, end_at_once},
    [STAYS] = {CHILD_STRANGER, stay},
};

static struct child runner;

/* As ps(1) has it: 'Z' is one that has ended and was not collected. */
static char state_of(pid_t pid)
{
    char path[64];
    char text[STAT_SIZE] = "";

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return NO_PROCESS;
    size_t len = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    const char *end = strrchr(text, ')');
    return len > 0 && end != NULL && end[1] == ' ' ? end[2] : NO_PROCESS;
}

static struct child start(size_t which)
{
    struct child c = {0};
    struct err_info why = {0};

    assert_int_equal(child_start_by(runner.fd, which, &c, &why), ERR_OK);
    return c;
}

/* Its end of the socket is closed shortly before its end. */
static char state_at_its_end(const struct child *c)
{
    const struct timespec a_moment = {.tv_nsec = TRY_MS * 1000000L};
    char octet;
    char state = 0;

    assert_int_equal(read(c->fd, &octet, 1), 0);
    for (int i = 0; i < TRIES; i++) {
        state = state_of(c->pid);
        if (state == 'Z' || state == NO_PROCESS)
            break;
        (void)nanosleep(&a_moment, NULL);
    }
    return state;
}

/* What is ended by its number must still be who had it. */
static void a_number_is_kept(void **state)
{
    struct child c = start(ENDS);
    const pid_t pid = c.pid;

    (void)state;
    assert_int_equal(state_at_its_end(&c), 'Z');
    child_end(&c);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* What ended by itself is collected, and is in nobody's way, also if nobody says that it
 * is to end; what is to end, does. */
static void many_in_turn(void **state)
{
    struct child stays = start(STAYS);
    const pid_t pid = stays.pid;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct child c = start(ENDS);
        assert_int_equal(state_at_its_end(&c), 'Z');
        (void)close(c.fd);
    }
    child_end(&stays);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static int set_up(void **state)
{
    struct err_info why = {0};

    (void)state;
    run_crew_members(members, MEMBERS);
    return child_start(CHILD_RUNNER, runner_run, &runner, &why) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    child_end(&runner);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_kept),
        cmocka_unit_test(many_in_turn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
