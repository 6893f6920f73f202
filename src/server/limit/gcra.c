/* The arithmetic of one bucket. */
#include "server/limit/gcra.h"

/* The TAT as it counts now: not in the past, not beyond used up. */
static int64_t tat_now(const struct rate *rate, int64_t tat_us, int64_t now_us)
{
    if (tat_us < now_us || tat_us - now_us > rate->room_us + GCRA_CLOCK_US)
        return now_us;
    return tat_us > now_us + rate->room_us ? now_us + rate->room_us : tat_us;
}

bool gcra_take(const struct rate *rate, int64_t *tat_us, int64_t now_us, int64_t *wait_us)
{
    int64_t next = tat_now(rate, *tat_us, now_us) + rate->interval_us;

    if (next - now_us > rate->room_us) {
        *wait_us = next - now_us - rate->room_us;
        return false;
    }
    *tat_us = next;
    return true;
}

void gcra_charge(const struct rate *rate, int64_t *tat_us, int64_t now_us)
{
    *tat_us = tat_now(rate, tat_now(rate, *tat_us, now_us) + rate->interval_us, now_us);
}

void gcra_return(const struct rate *rate, int64_t *tat_us, int64_t now_us)
{
    *tat_us = tat_now(rate, tat_now(rate, *tat_us, now_us) - rate->interval_us, now_us);
}

int64_t gcra_new(const struct rate *rate, int64_t tat_us, int64_t now_us)
{
    return tat_now(rate, tat_us, now_us);
}

void gcra_convert(const struct rate *from, const struct rate *to, int64_t *tat_us,
                  int64_t now_us)
{
    if (from->count == 0 || to->count == 0)
        return;
    /* ten years of microseconds are exact in a double */
    double spent = (double)(tat_now(from, *tat_us, now_us) - now_us) /
                   (double)from->interval_us * (double)to->interval_us;
    *tat_us =
        spent < (double)to->room_us ? now_us + (int64_t)spent : now_us + to->room_us;
}

int64_t gcra_left(const struct rate *rate, int64_t tat_us, int64_t now_us)
{
    return (rate->room_us - (tat_now(rate, tat_us, now_us) - now_us)) / rate->interval_us;
}
