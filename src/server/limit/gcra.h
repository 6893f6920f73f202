/* The generic cell rate algorithm (ITU-T I.371, as a virtual schedule): a bucket is one
 * number, its theoretical arrival time (TAT), in microseconds of the wall clock. Up to
 * `burst` pass at once, and then one every `interval`: in any time t at most
 * burst + t / interval.
 *
 * A TAT further away than that of a bucket that is used up comes from a clock that was
 * set back. By up to GCRA_CLOCK_US it counts as used up, so that nobody waits longer than
 * that, and beyond it as new: what was spent then nobody knows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/settings/rate.h"

#define GCRA_CLOCK_US INT64_C(3600000000) /* more than any correction of a good clock */

/* May one more pass? Then `tat_us` is moved; else `wait_us` says how long until it may.
 * The rate is not "off". */
bool gcra_take(const struct rate *rate, int64_t *tat_us, int64_t now_us,
               int64_t *wait_us);

/* Take one also if it is not there; at most, everything is used up. */
void gcra_charge(const struct rate *rate, int64_t *tat_us, int64_t now_us);

/* Give one back. */
void gcra_return(const struct rate *rate, int64_t *tat_us, int64_t now_us);

/* Under another rate the same number is spent, as far as that rate goes; one of the rates
 * may be "off". */
void gcra_convert(const struct rate *from, const struct rate *to, int64_t *tat_us,
                  int64_t now_us);

/* When the bucket will be as new; not after `now_us` if it is. */
int64_t gcra_new(const struct rate *rate, int64_t tat_us, int64_t now_us);

/* How many may pass at once. */
int64_t gcra_left(const struct rate *rate, int64_t tat_us, int64_t now_us);
