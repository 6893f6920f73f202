/* Signals that ask a command to end. */
#include "core/base/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "core/base/clock.h"

#define SLICE_MS 100 /* a signal that comes just before a sleep is seen after it */
#define ECHO_MS  500 /* what comes so soon is the same wish again */

static volatile sig_atomic_t came;
static volatile sig_atomic_t count;
static int64_t last_us; /* the handler's own */

static void remember(int number)
{
    int64_t now_us = clock_monotonic_us();

    came = number;
    if (count == 0 || now_us - last_us >= ECHO_MS * 1000)
        count = count + 1;
    last_us = now_us;
}

void interrupt_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        struct sigaction watched = {.sa_handler = remember};
        (void)sigfillset(&watched.sa_mask); /* the handler is never in itself */
        /* one that was ignored stays so: nohup */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &watched, NULL);
    }
}

int interrupt_signal(void)
{
    return came;
}

int interrupt_count(void)
{
    return count;
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
