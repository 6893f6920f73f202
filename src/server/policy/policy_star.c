/* Policy of auto-renewal (RFC 8739 3.1.1, 3.2). */
#include "server/policy/policy_star.h"

#include "core/base/clock.h"
#include "core/base/random.h"
#include "server/policy/policy.h"

#define MEMBER "auto-renewal"

static enum err read(const struct json *object, struct store_star *s,
                     struct err_info *why)
{
    TRY(policy_time(object, "start-date", &s->start, why));
    TRY(policy_time(object, "end-date", &s->end, why));
    TRY(json_take_number(object, "lifetime", 0, &s->lifetime, why));
    TRY(json_take_number(object, "lifetime-adjust", 0, &s->adjust, why));
    TRY(json_take_bool(object, "allow-certificate-get", false, &s->allow_get, why));
    if (s->end == 0 || json_member(object, "lifetime") == NULL)
        return err_set(why, ERR_MALFORMED,
                       "auto-renewal needs end-date and lifetime (RFC 8739 3.1.1)");
    if (s->adjust < 0)
        return err_set(why, ERR_MALFORMED, "lifetime-adjust must not be negative");
    return ERR_OK;
}

/* What begins three quarters of its lifetime early, or all of it if the client wants,
 * must not last longer than a certificate may. */
static int64_t longest_lifetime(const struct policy_scope *scope, int64_t now)
{
    return (settings_profile_lifetime(scope->profile, now) - 1) / 2; /* both ends count */
}

static enum err check_lifetime(const struct policy_scope *scope,
                               const struct store_star *s, int64_t now,
                               struct err_info *why)
{
    int64_t least = scope->settings->star_min_lifetime / 1000;
    int64_t most = longest_lifetime(scope, now);

    if (s->lifetime < least || s->lifetime > most)
        return err_set(why, ERR_MALFORMED,
                       "the lifetime must lie between %lld and %lld seconds",
                       (long long)least, (long long)most);
    return ERR_OK;
}

static enum err check_dates(const struct policy_scope *scope, const struct store_star *s,
                            int64_t issuer_ends, int64_t now, struct err_info *why)
{
    char texts[2][CLOCK_TEXT_SIZE];
    int64_t latest_start = now + settings_profile_lifetime(scope->profile, now);
    int64_t begins = s->start != 0 ? s->start : now;
    int64_t last = begins + scope->settings->star_max_duration / 1000;

    clock_text(texts[0], latest_start);
    if (s->start > latest_start)
        return err_set(why, ERR_MALFORMED, "start-date must not be later than %s",
                       texts[0]);
    if (last > issuer_ends)
        last = issuer_ends;
    clock_text(texts[0], begins > now ? begins : now);
    clock_text(texts[1], last);
    if (s->end <= begins || s->end <= now || s->end > last)
        return err_set(why, ERR_MALFORMED,
                       "end-date must be later than %s and not later than %s", texts[0],
                       texts[1]);
    return ERR_OK;
}

enum err policy_star(struct arena *a, const struct policy_scope *scope,
                     const struct json *payload, const struct template_issuer *issuer,
                     int64_t now, struct store_star **star, struct err_info *why)
{
    const struct json *object = json_member(payload, MEMBER);

    *star = NULL;
    if (object == NULL)
        return ERR_OK;
    if (!json_is_object(object))
        return err_set(why, ERR_MALFORMED, "auto-renewal must be an object");
    if (!scope->settings->star_enabled)
        return err_set(why, ERR_MALFORMED,
                       "this server takes no orders with auto-renewal; order a "
                       "certificate and renew it yourself");
    if (json_member(payload, "notBefore") != NULL ||
        json_member(payload, "notAfter") != NULL)
        return err_set(why, ERR_MALFORMED,
                       "notBefore and notAfter do not go with auto-renewal (RFC 8739 "
                       "3.1.1); use start-date and end-date");
    struct store_star *s = arena_get(a, sizeof *s);
    TRY(read(object, s, why));
    TRY(check_lifetime(scope, s, now, why));
    TRY(check_dates(scope, s, issuer->not_after, now, why));
    s->allow_get = s->allow_get && scope->settings->star_allow_get;
    random_fill(s->token, sizeof s->token);
    *star = s;
    return ERR_OK;
}
