/* When to renew. */
#include "client/renewal/renewal_when.h"

#include <string.h>

#define DAY         (24 * 3600)
#define SHORT_LIFE  (10 * DAY) /* below that a half of it must be left, not a third */
#define LAST_PART   12         /* of the lifetime: no suggestion counts within it */
#define CLOCK_SLACK 300        /* seconds that clocks may differ by */

/* Was the clock set back behind that moment? What was reckoned from it is of no use. */
static bool is_ahead(int64_t moment, int64_t now)
{
    return moment > now + CLOCK_SLACK;
}

/* ---- due ---- */

static void by_lifetime(int64_t not_before, int64_t not_after, struct renewal_when *w)
{
    int64_t lifetime = not_after - not_before;

    w->reason = RENEWAL_REASON_LIFETIME;
    w->due = not_after - lifetime / (lifetime < SHORT_LIFE ? 2 : 3);
}

static void by_suggestion(const struct renewal_suggestion *s, int64_t not_before,
                          int64_t not_after, struct renewal_when *w)
{
    int64_t latest = not_after - (not_after - not_before) / LAST_PART;

    w->reason = s->moment <= latest ? RENEWAL_REASON_SUGGESTED : RENEWAL_REASON_ENDING;
    w->due = s->moment <= latest ? s->moment : latest;
}

static void set_due(const struct renew_rule *rule, int64_t not_before, int64_t not_after,
                    const struct renewal_state *state, struct renewal_when *w)
{
    int64_t lifetime = not_after - not_before;

    w->reason = RENEWAL_REASON_RULE;
    switch (rule->kind) {
    case RENEW_RULE_AUTO:
        if (state->ari.moment != 0)
            by_suggestion(&state->ari, not_before, not_after, w);
        else
            by_lifetime(not_before, not_after, w);
        return;
    case RENEW_RULE_BEFORE:
        /* "30d" of a certificate of six days would renew it without end */
        if (rule->before_s < lifetime)
            w->due = not_after - rule->before_s;
        else
            by_lifetime(not_before, not_after, w);
        return;
    case RENEW_RULE_SHARE:
        w->due = not_after - (int64_t)((double)lifetime * rule->percent / 100);
        return;
    case RENEW_RULE_NEVER:
        w->reason = RENEWAL_REASON_NEVER;
        w->due = RENEWAL_WHEN_NEVER;
        return;
    }
}

/* ---- and failures ---- */

int64_t renewal_when_attempt(const struct renewal_state *state, int64_t due, int64_t now)
{
    const struct renewal_failure *f = &state->failure;

    if (due == RENEWAL_WHEN_NEVER || f->count == 0 || is_ahead(f->when, now))
        return due;
    return f->not_before > due ? f->not_before : due;
}

struct renewal_when renewal_when(const struct renew_rule *rule, int64_t not_before,
                                 int64_t not_after, const struct renewal_state *state,
                                 int64_t now)
{
    static const struct renew_rule never = {.kind = RENEW_RULE_NEVER};
    struct renewal_when w = {0};

    set_due(state->revoked ? &never : rule, not_before, not_after, state, &w);
    w.attempt = renewal_when_attempt(state, w.due, now);
    w.now = w.attempt <= now;
    w.waits = !w.now && w.due <= now;
    return w;
}

bool renewal_when_ask(const struct renewal_state *state, const char *certificate,
                      int64_t now)
{
    const struct renewal_suggestion *s = &state->ari;

    return s->certificate == NULL || strcmp(s->certificate, certificate) != 0 ||
           s->ask_after <= now || is_ahead(s->asked, now);
}

const char *renewal_when_reason(enum renewal_reason reason)
{
    switch (reason) {
    case RENEWAL_REASON_SUGGESTED:
        return "the CA suggests it";
    case RENEWAL_REASON_LIFETIME:
        return "enough of its lifetime is over";
    case RENEWAL_REASON_RULE:
        return "the option renew says so";
    case RENEWAL_REASON_ENDING:
        return "it ends soon, and the CA suggests a later time";
    case RENEWAL_REASON_NEVER:
        return "it is not renewed";
    }
    return "";
}
