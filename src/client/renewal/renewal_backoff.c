/* Waits after failures. */
#include "client/renewal/renewal_backoff.h"

#include <stddef.h>

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define SPREAD 10 /* a wait is up to one part in so many longer or shorter */
#define PARTS  8  /* of the time that is left */

static int64_t spread(int64_t wait, uint64_t random)
{
    int64_t most = wait / SPREAD;

    return wait - most + (int64_t)(random % (uint64_t)(2 * most + 1));
}

static int64_t step(const int64_t *steps, size_t count, int64_t failures)
{
    if (failures < 1)
        return steps[0];
    return steps[(uint64_t)failures > count ? count - 1 : (size_t)failures - 1];
}

int64_t renewal_backoff_seconds(int64_t failures, uint64_t random)
{
    static const int64_t steps[] = {1 * MINUTE, 10 * MINUTE, 100 * MINUTE, 1 * DAY};

    return spread(step(steps, sizeof steps / sizeof steps[0], failures), random);
}

int64_t renewal_backoff_ca_seconds(int64_t failures, uint64_t random)
{
    static const int64_t steps[] = {1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 1 * HOUR};

    return spread(step(steps, sizeof steps / sizeof steps[0], failures), random);
}

int64_t renewal_backoff_within(int64_t wait, int64_t left)
{
    int64_t most = left > 0 ? left / PARTS : HOUR;

    if (most < MINUTE)
        most = MINUTE;
    return wait < most ? wait : most;
}
