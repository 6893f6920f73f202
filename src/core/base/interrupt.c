/* Signals that ask a command to end. */
#include "core/base/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "core/base/clock.h"

#define SLICE_MS 100 /* a signal that comes just before a sleep is seen after it */

static volatile sig_atomic_t came;

static void remember(int number)
{
    came = number;
}

void interrupt_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        const struct sigaction watched = {.sa_handler = remember};
        /* one that was ignored stays so: nohup */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &watched, NULL);
    }
}

int interrupt_signal(void)
{
    return came;
}

bool interrupt_sleep_ms(int64_t milliseconds)
{
    int64_t end = clock_monotonic_us() + milliseconds * 1000;

    while (came == 0) {
        int64_t left = end - clock_monotonic_us();
        if (left <= 0)
            return true;
        if (left > SLICE_MS * 1000)
            left = SLICE_MS * 1000;
        struct timespec slice = {.tv_nsec = (long)left * 1000};
        (void)nanosleep(&slice, NULL);
    }
    return false;
}

void interrupt_end(void)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};

    if (came == 0)
        return;
    (void)sigaction(came, &plain, NULL);
    (void)raise(came);
}
