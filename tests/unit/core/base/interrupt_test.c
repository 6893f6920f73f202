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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeps_whole_without_a_signal),
        cmocka_unit_test(ends_by_the_signal_that_came),
        cmocka_unit_test(ignored_signals_stay_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
