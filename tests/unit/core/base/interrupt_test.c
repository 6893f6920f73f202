/* Tests of core/base/interrupt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"

static void sleeps_whole_without_a_signal(void **state)
{
    int64_t before = clock_monotonic_us();

    (void)state;
    assert_true(interrupt_sleep_ms(150));
    assert_true(clock_monotonic_us() - before >= 150000);
    assert_int_equal(interrupt_signal(), 0);
}

/* In a child: it ends by the signal, after what it does in between. */
static void ends_by_the_signal_that_came(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            (void)signal(numbers[i], SIG_DFL);
            interrupt_watch();
            (void)raise(numbers[i]);
            if (interrupt_signal() == numbers[i] && !interrupt_sleep_ms(60000))
                interrupt_end();
            _exit(1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
    }
}

static void ignored_signals_stay_ignored(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        (void)signal(SIGHUP, SIG_IGN);
        interrupt_watch();
        (void)raise(SIGHUP);
        _exit(interrupt_signal() == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Whether it comes before the wait or in it: nobody would wake it otherwise. */
static void a_wait_without_end_is_ended(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGTERM, SIG_DFL);
            interrupt_watch();
            if (!late)
                (void)raise(SIGTERM);
            bool ended = interrupt_poll(NULL, 0, -1, 0) == -1 && interrupt_count() == 1;
            bool waits = interrupt_poll(NULL, 0, 10, 1) == 0; /* that one is known */
            _exit(ended && waits ? 0 : 1);
        }
        for (int i = 0; late && i < 100 && waitpid(child, &status, WNOHANG) == 0; i++) {
            (void)usleep(50000);
            (void)kill(child, SIGTERM);
        }
        if (!late)
            assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void signals_are_counted(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        (void)signal(SIGINT, SIG_DFL);
        interrupt_watch();
        bool none = interrupt_count() == 0;
        (void)raise(SIGINT);
        bool one = interrupt_count() == 1;
        (void)usleep(600000);
        (void)raise(SIGINT);
        _exit(none && one && interrupt_count() == 2 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* As timeout(1) does: to its child, and at once to the whole group. A slow machine may
 * see them apart, but not this many times. */
static void an_echo_is_no_second_wish(void **state)
{
    int64_t end_us = clock_monotonic_us() + 60000000;
    int status = 1;

    (void)state;
    do {
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGINT, SIG_DFL);
            (void)signal(SIGTERM, SIG_DFL);
            interrupt_watch();
            (void)raise(SIGINT);
            (void)raise(SIGINT);
            (void)raise(SIGTERM);
            _exit(interrupt_count() == 1 && interrupt_signal() == SIGTERM ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
    } while (status != 0 && clock_monotonic_us() < end_us);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeps_whole_without_a_signal),
        cmocka_unit_test(ends_by_the_signal_that_came),
        cmocka_unit_test(ignored_signals_stay_ignored),
        cmocka_unit_test(a_wait_without_end_is_ended),
        cmocka_unit_test(signals_are_counted),
        cmocka_unit_test(an_echo_is_no_second_wish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
