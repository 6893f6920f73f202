/* How long to leave in peace what has failed. */
#pragma once

#include <stdint.h>

/* Seconds to wait after that many failures in a row (1 and more): 1, 10, 100 minutes,
 * then a day each time, and up to a tenth more or less, as `random` says, so that what
 * failed together is not tried again together. */
int64_t renewal_backoff_seconds(int64_t failures, uint64_t random);

/* The same for a CA that cannot be reached: 1, 5, 15 minutes, then an hour. */
int64_t renewal_backoff_ca_seconds(int64_t failures, uint64_t random);

/* The wait as it counts when something ends in `left` seconds: an eighth of that at most,
 * but a minute at least; an hour at most for what has ended already. */
int64_t renewal_backoff_within(int64_t wait, int64_t left);
