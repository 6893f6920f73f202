/* What the front looks after all the time: answers that could not be recorded, questions
 * the signer could not take, and the wall clock, which may jump. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/front/front_private.h"

#define WATCH_MS 1000
#define JUMP_MS  5000 /* a clock that is only being corrected moves less in a second */

/* The wall clock as the monotonic one sees it. */
static int64_t wall_offset_ms(void)
{
    return clock_now_ms() - clock_monotonic_us() / 1000;
}

static void look_at_clock(struct front *f)
{
    int64_t offset = wall_offset_ms();
    int64_t jump = offset - f->wall_offset_ms;
    char now[CLOCK_TEXT_SIZE];

    f->wall_offset_ms = offset;
    if (jump > -JUMP_MS && jump < JUMP_MS)
        return;
    clock_text(now, clock_now());
    log_event(LOG_LEVEL_WARNING, "clock.jumped", "seconds=%lld now=%s",
              (long long)(jump / 1000), now);
    if (clock_now() < f->issuer.not_before)
        log_event(LOG_LEVEL_ERROR, "clock.wrong",
                  "reason=\"the issuing certificate is not valid yet: nothing is issued "
                  "until the clock is right\"");
    front_tls_check(f);
}

static void on_watch(void *argument)
{
    struct front *f = argument;

    look_at_clock(f);
    front_peers_look(f);
    order_desk_record_again(f->services.orders);
    order_desk_ask_postponed(f->services.orders);
    loop_timer_set(f->watch, WATCH_MS);
}

void front_watch_open(struct front *f)
{
    f->wall_offset_ms = wall_offset_ms();
    f->watch = loop_timer_new(f->loop, on_watch, f);
    loop_timer_set(f->watch, WATCH_MS);
}

void front_watch_close(struct front *f)
{
    loop_timer_free(f->watch);
    f->watch = NULL;
}
