/* What is to be told. */
#include "client/renewal/renewal_notice.h"

#define SHARE_ELSE                                                                       \
    15 /* percent of the lifetime, where a time is longer than its half                  \
        */

/* From when on the end is near. */
static int64_t near_end(const struct renewal_notice_facts *f)
{
    int64_t life = f->not_after - f->not_before;
    int percent = f->rule.percent;

    if (f->not_after == 0 || f->rule.kind == RENEW_RULE_NEVER)
        return RENEWAL_WHEN_NEVER;
    if (f->rule.kind == RENEW_RULE_BEFORE && f->rule.before_s <= life / 2)
        return f->not_after - f->rule.before_s;
    if (f->rule.kind == RENEW_RULE_BEFORE)
        percent = SHARE_ELSE;
    return f->not_after - life * percent / 100;
}

/* When the end is to be told of; again after a day. A clock that was set back since makes
 * what was told count for nothing. */
static int64_t end_moment(const struct renewal_told *told, int64_t near_s, int64_t now)
{
    if (near_s > now)
        return near_s;
    return told->expiry == 0 || told->expiry > now
               ? now
               : told->expiry + RENEWAL_NOTICE_AGAIN_S;
}

static enum renewal_notice find(const struct renewal_state *state,
                                const struct renewal_notice_facts *f, int64_t now,
                                int64_t *when)
{
    const struct renewal_told *told = &state->told;
    bool failing = state->failure.code != NULL && state->failure.count >= f->failures;
    bool stuck = f->deploy_failures >= f->failures;
    int64_t near_s = near_end(f);
    bool any = told->failure != 0 || told->deploy != 0 || told->expiry != 0;

    *when = now;
    if (failing && state->failure.when != told->failure)
        return RENEWAL_NOTICE_FAILED;
    if (stuck && f->deploy_failed_at != told->deploy)
        return RENEWAL_NOTICE_DEPLOY;
    if (any && state->failure.code == NULL && f->deploy_failures == 0 && near_s > now)
        return RENEWAL_NOTICE_RECOVERED;
    if (near_s != RENEWAL_WHEN_NEVER) {
        *when = end_moment(told, near_s, now);
        return RENEWAL_NOTICE_EXPIRES;
    }
    *when = RENEWAL_WHEN_NEVER;
    return RENEWAL_NOTICE_NONE;
}

enum renewal_notice renewal_notice_find(const struct renewal_state *state,
                                        const struct renewal_notice_facts *facts,
                                        int64_t now, int64_t *when)
{
    enum renewal_notice notice = find(state, facts, now, when);
    int64_t after = state->told.after;

    if (*when < after && after <= now + RENEWAL_NOTICE_RETRY_S)
        *when = after;
    return notice;
}

void renewal_notice_done(struct renewal_state *state,
                         const struct renewal_notice_facts *facts,
                         enum renewal_notice notice, bool told, int64_t now)
{
    if (!told) {
        state->told.after = now + RENEWAL_NOTICE_RETRY_S;
        return;
    }
    state->told.after = 0;
    switch (notice) {
    case RENEWAL_NOTICE_FAILED:
        state->told.failure = state->failure.when;
        break;
    case RENEWAL_NOTICE_DEPLOY:
        state->told.deploy = facts->deploy_failed_at;
        break;
    case RENEWAL_NOTICE_EXPIRES:
        state->told.expiry = now;
        break;
    default:
        state->told = (struct renewal_told){0};
        break;
    }
}

const char *renewal_notice_word(enum renewal_notice notice)
{
    static const char *const words[] = {
        [RENEWAL_NOTICE_NONE] = "none",
        [RENEWAL_NOTICE_FAILED] = "failed",
        [RENEWAL_NOTICE_DEPLOY] = "deploy_failed",
        [RENEWAL_NOTICE_EXPIRES] = "expires",
        [RENEWAL_NOTICE_RECOVERED] = "recovered",
    };

    return words[notice];
}
