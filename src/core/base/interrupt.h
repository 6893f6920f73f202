/* Signals that ask a command to end (SIGINT, SIGTERM, SIGHUP): remembered, so that it
 * stops waiting, cleans up, and ends by that signal. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remember them from here on. */
void interrupt_watch(void);

/* The signal that came, 0 if none did. */
int interrupt_signal(void);

/* How many have come: a second one is from somebody who does not want to wait. Those that
 * follow another at once count as one with it: timeout(1) sends each twice, to its child
 * and to the group. */
int interrupt_count(void);

/* As poll(2), `wait_ms` below 0 for ever; also ends, with -1 and EINTR, as soon as more
 * than `seen` of them have come, even if that was just before. */
int interrupt_poll(struct pollfd *polled, size_t n, int64_t wait_ms, int seen);

/* Sleep; false as soon as a signal has come. */
bool interrupt_sleep_ms(int64_t milliseconds);

/* End this process by the signal that came, as if it had not been watched for; comes back
 * only if none came. */
void interrupt_end(void);
