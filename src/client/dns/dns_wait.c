/* Looking again and again. */
#include "client/dns/dns_wait.h"

#include "core/base/clock.h"
#include "core/base/interrupt.h"

#define PAUSE_FIRST_MS 250 /* between two looks, then twice as long each time */
#define PAUSE_MAX_MS   5000
#define BLIND_MS       30000 /* waited where nobody can look */
#define MISSING_MAX    2048  /* octets of a phrase */

/* What was seen may not be everywhere yet (anycast), or nobody could look. */
static enum err settle(const struct dns_desk *d, int64_t wait_ms, struct err_info *why)
{
    if (d->is_blind && wait_ms < BLIND_MS)
        wait_ms = BLIND_MS;

    if (wait_ms == 0)
        return ERR_OK;
    report_step(d->report, "wait", "%lld s for the records to settle",
                (long long)((wait_ms + 999) / 1000));
    return interrupt_sleep_ms(wait_ms) ? ERR_OK
                                       : err_set(why, ERR_INTERRUPTED, "interrupted");
}

enum err dns_wait_until_seen(struct dns_desk *d, int64_t timeout_ms, int64_t settle_ms,
                             struct err_info *why)
{
    int64_t begin_us = clock_monotonic_us();
    int64_t end_us = begin_us + timeout_ms * 1000;
    int64_t pause_ms = PAUSE_FIRST_MS;
    AUTO(buf) struct buf told = buf_make(MISSING_MAX);

    for (;;) {
        AUTO(buf) struct buf missing = buf_make(MISSING_MAX);
        TRY(dns_desk_look(d, &missing, NULL, why));
        if (missing.len == 0)
            return settle(d, settle_ms, why);
        if (clock_monotonic_us() + pause_ms * 1000 > end_us)
            return err_set(
                why, ERR_TIMEOUT,
                "after %lld s the records are not everywhere: %.*s; "
                "the option timeout of dns (--dns-timeout) gives more time",
                (long long)((clock_monotonic_us() - begin_us + 500000) / 1000000),
                (int)missing.len, (const char *)missing.data);
        if (!span_equal(buf_span(&missing), buf_span(&told)))
            report_step(d->report, "wait", "%.*s", (int)missing.len,
                        (const char *)missing.data);
        buf_clear(&told);
        buf_add_span(&told, buf_span(&missing));
        if (!interrupt_sleep_ms(pause_ms))
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}
