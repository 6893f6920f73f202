/* What the front looks after all the time: answers that could not be recorded, questions
 * the signer could not take, and the wall clock, which may jump. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "server/front/front_crl.h"
#include "server/front/front_private.h"
#include "server/order/attest_desk.h"
#include "server/order/enroll_desk.h"

#define WATCH_MS    1000
#define DAY_SECONDS 86400
#define JUMP_MS     5000 /* a clock that is only being corrected moves less in a second */

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
    if (clock_now() < f->issuers.issuers[0].template.not_before)
        log_event(LOG_LEVEL_ERROR, "clock.wrong",
                  "reason=\"the issuing certificate is not valid yet: nothing is issued "
                  "until the clock is right\"");
    if (jump < 0)
        front_star_clock_back(f);
    front_tls_check(f);
    front_crl_look(f);
}

/* Once a day: do profiles say more than the Baseline Requirements still allow? */
static void look_at_day(struct front *f)
{
    int64_t now = clock_now();

    if (f->day_seen == now / DAY_SECONDS)
        return;
    f->day_seen = now / DAY_SECONDS;
    for (size_t i = 0; i < f->settings->profiles.count; i++) {
        const struct settings_profile *profile = f->settings->profiles.members[i];
        int64_t allowed = settings_profile_lifetime(profile, now);
        if (allowed < profile->lifetime_seconds)
            log_event(
                LOG_LEVEL_WARNING, "profile.lifetime_cut",
                "profile=%s days=%lld reason=\"its lifetime is longer than is allowed "
                "today (Baseline Requirements 6.3.2)\"",
                profile->name, (long long)(allowed / DAY_SECONDS));
    }
}

static void on_watch(void *argument)
{
    struct front *f = argument;

    look_at_clock(f);
    look_at_day(f);
    front_peers_look(f);
    front_audit_look(f);
    order_desk_record_again(f->services.orders);
    order_desk_ask_postponed(f->services.orders);
    attest_desk_look(f->services.attestations);
    ocsp_desk_tick(f->services.ocsp);
    enroll_desk_tick(f->services.enrollments);
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
