/* Time. The wall clock can be replaced in tests; the monotonic one is for waits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_now_ms(void);

/* Seconds since 1970-01-01T00:00:00Z. */
int64_t clock_now(void);

/* Microseconds of a clock that never jumps. */
int64_t clock_monotonic_us(void);

/* Microseconds of CPU that this thread has taken. */
int64_t clock_thread_us(void);

/* Add `offset` milliseconds to every answer of clock_now and clock_now_ms; for tests. */
void clock_shift_ms(int64_t offset);

/* "2026-11-23T21:38:00Z" (RFC 3339, seconds), NUL-terminated; `to` has CLOCK_TEXT_SIZE.
 */
#define CLOCK_TEXT_SIZE 32
void clock_text(char *to, int64_t seconds);

/* Read an RFC 3339 time, any offset, fraction dropped; false if malformed. */
bool clock_read(struct span text, int64_t *seconds);

/* Civil date and time in UTC of `seconds`, for calendars and DER times. */
struct clock_civil {
    int year, month, day, hour, minute, second; /* month and day from 1 */
};
struct clock_civil clock_civil(int64_t seconds);

/* The inverse; values must be in range, false otherwise (a 60th second is refused). */
bool clock_from_civil(struct clock_civil c, int64_t *seconds);
