/* Signals that ask a command to end. */
#include "core/base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "core/base/clock.h"

#define ECHO_MS 500 /* what comes so soon is the same wish again */

static const int watched_signals[] = {SIGINT, SIGTERM, SIGHUP};

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
    for (size_t i = 0; i < sizeof watched_signals / sizeof watched_signals[0]; i++) {
        struct sigaction before;
        struct sigaction watched = {.sa_handler = remember};
        (void)sigfillset(&watched.sa_mask); /* the handler is never in itself */
        /* one that was ignored stays so: nohup */
        if (sigaction(watched_signals[i], NULL, &before) == 0 &&
            before.sa_handler != SIG_IGN)
            (void)sigaction(watched_signals[i], &watched, NULL);
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

/* They are let in while it waits only, so none comes between the look and the wait. */
int interrupt_poll(struct pollfd *polled, size_t n, int64_t wait_ms, int seen)
{
    const struct timespec left = {.tv_sec = wait_ms / 1000,
                                  .tv_nsec = wait_ms % 1000 * 1000000};
    sigset_t held;
    sigset_t before;
    int ready = -1;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < sizeof watched_signals / sizeof watched_signals[0]; i++)
        (void)sigaddset(&held, watched_signals[i]);
    (void)sigprocmask(SIG_BLOCK, &held, &before);
    errno = EINTR;
    if (count <= seen)
        ready = ppoll(polled, n, wait_ms < 0 ? NULL : &left, &before);
    int reason = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = reason;
    return ready;
}

bool interrupt_sleep_ms(int64_t milliseconds)
{
    int64_t end = clock_monotonic_us() + milliseconds * 1000;

    while (came == 0) {
        int64_t left = end - clock_monotonic_us();
        if (left <= 0)
            return true;
        (void)interrupt_poll(NULL, 0, (left + 999) / 1000, count);
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
