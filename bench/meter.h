/* What the small measurements share. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/base/err.h"

/* A measurement whose preparation failed says why and ends. `program` is its name. */
static inline void meter_check(const char *program, enum err result,
                               const struct err_info *why)
{
    if (result == ERR_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", program, why->detail);
    exit(1);
}

/* Microseconds of processor time this process has used: what others do meanwhile does not
 * count. */
static inline double meter_us(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}
