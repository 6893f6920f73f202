/* Auto-renewal: times, and the renewal itself. */
#include "server/order/order_star.h"

#include <string.h>

#include "core/acme/problem.h"
#include "core/base/log.h"
#include "server/issue/issuer_choice.h"
#include "server/order/order_desk_caa.h"
#include "server/policy/policy.h"

#define SPREAD_FACTOR                                                                    \
    UINT64_C(0x9e3779b97f4a7c15) /* neighbours lie far from each other */

/* By how much certificates begin before they are due: at least three quarters of their
 * lifetime. */
static int64_t server_adjust(const struct store_star *star)
{
    return star->lifetime - star->lifetime / 4;
}

static int64_t adjust(const struct store_star *star)
{
    int64_t client = star->adjust < star->lifetime ? star->adjust : star->lifetime;
    int64_t server = server_adjust(star);

    return client > server ? client : server;
}

static int64_t nominal(const struct store_star *star, int64_t number)
{
    return star->first + number * star->lifetime;
}

int64_t order_star_number(const struct store_star *star, int64_t now)
{
    int64_t since = now - star->first + server_adjust(star);

    /* rounded down, also below zero */
    return since >= 0 ? since / star->lifetime
                      : -((-since + star->lifetime - 1) / star->lifetime);
}

struct order_leaf_times order_star_times(const struct store_star *star,
                                         const struct template_issuer *issuer,
                                         int64_t number)
{
    int64_t due = nominal(star, number);
    struct order_leaf_times times = {.not_before = due - adjust(star),
                                     .not_after = due + star->lifetime};

    if (times.not_before < star->start)
        times.not_before = star->start;
    if (times.not_before < issuer->not_before)
        times.not_before = issuer->not_before;
    if (times.not_after > star->end)
        times.not_after = star->end;
    if (times.not_after > issuer->not_after)
        times.not_after = issuer->not_after;
    return times;
}

int64_t order_star_due(const struct store_star *star, int64_t order_id, int64_t number)
{
    uint64_t spread = (uint64_t)(star->lifetime / 8) + 1;
    uint64_t place = (uint64_t)order_id * SPREAD_FACTOR >> 32;

    if (nominal(star, number) + star->lifetime >= star->end)
        return 0;
    return nominal(star, number + 1) - server_adjust(star) + (int64_t)(place % spread);
}

struct order_leaf_times order_star_begin(struct store_star *star, int64_t order_id,
                                         const struct template_issuer *issuer,
                                         struct span spki, int64_t now,
                                         struct store_star_step *step)
{
    star->first = star->start > now ? star->start : now;
    step->first = star->first;
    step->spki = spki;
    step->due = order_star_due(star, order_id, 0);
    return order_star_times(star, issuer, 0);
}

/* ---- renewing ---- */

#define CAA_LOOK_SECONDS   2  /* after so many: what came of looking CAA up? */
#define CAA_RECENT_SECONDS 30 /* beyond the time of one validation: that was it */

/* By which rules: those of today, of the directory and the profile the order was made
 * with. */
static enum err find_rules(struct store_session *session, struct arena *a,
                           const struct order_star_means *means,
                           const struct store_order *order, enum key_type type,
                           struct order_leaf_rules *rules,
                           struct order_desk_prover *prover, struct err_info *why)
{
    struct store_account *account = NULL;

    TRY(store_account_by_id(session, a, order->account_id, &account, why));
    const struct settings_directory *directory =
        settings_directory(means->settings, account->directory);
    if (directory == NULL)
        return err_set(why, ERR_UNAVAILABLE, "the directory \"%.100s\" is not served now",
                       account->directory);
    *prover = (struct order_desk_prover){account->id, account->thumbprint,
                                         directory->name, means->settings};
    rules->settings = means->settings;
    rules->directory = directory->name;
    TRY(policy_profile_again(directory, order->profile, &rules->profile, why));
    const struct issuer *issuer =
        issuer_choice_for_key(means->issuers, directory, rules->profile, type);
    if (issuer == NULL)
        return err_set(why, ERR_UNAVAILABLE,
                       "the issuer of the directory \"%.100s\" is not there",
                       account->directory);
    rules->issuer = &issuer->template;
    const struct issuer_choice choice = {.list = {issuer}, .count = 1};
    /* the policy of an external key never changes: newOrder has looked at it */
    const struct policy_scope scope = {means->settings, directory, rules->profile, NULL,
                                       means->limits,   &choice};
    for (size_t i = 0; i < order->identifier_count; i++) {
        const struct identifier identifier = {
            (enum identifier_type)order->identifiers[i].type,
            order->identifiers[i].value};
        TRY(policy_identifier_allowed(&scope, &identifier, why));
    }
    return ERR_OK;
}

/* Is CAA known to allow it? If not, it is being looked up from now on (RFC 8659 3: before
 * each certificate). */
static enum err check_caa(struct order_desk *desk, struct store_session *session,
                          const struct order_desk_prover *prover,
                          const struct settings_profile *profile,
                          const struct store_order *order, int64_t now, bool *known,
                          struct err_info *why)
{
    int64_t age = profile->caa_age / 1000;
    int64_t since = age > 0 ? now - age : now;
    int64_t asked = 0;

    /* what was looked up for this certificate is good enough, however short the age */
    int64_t asked_first =
        now - prover->settings->validation_timeout / 1000 - CAA_RECENT_SECONDS;
    if (asked_first <= order->issuance->begun)
        asked_first = order->issuance->begun + 1;
    if (asked_first < since)
        since = asked_first;
    *known = order_desk_caa_is_known(
        settings_directory(prover->settings, prover->directory), order, since, now);
    return *known ? ERR_OK
                  : order_desk_caa_ask(desk, session, order, prover, &asked, why);
}

/* One try, as far as having it signed; or as having CAA looked up: `*asked`. */
static enum err begin(struct order_desk *desk, struct store_session *session,
                      struct arena *a, const struct order_star_means *means,
                      struct store_order *order, int64_t now, bool *asked,
                      struct err_info *why)
{
    struct order_desk_prover prover = {0};
    bool known = false;
    AUTO(key) struct key *key = NULL;
    struct store_star *star = order->star;
    int64_t number = order_star_number(star, now);
    struct store_star_step step = {.seen = star->due};
    struct store_issuance issuance = {.star = &step};

    if (order->issuance == NULL || star->spki.len == 0)
        return err_set(why, ERR_CONFLICT, "the first certificate is not there");
    struct order_leaf_rules rules = {0};
    TRY(key_from_spki(star->spki, &key, why));
    TRY(find_rules(session, a, means, order, key_type(key), &rules, &prover, why));
    TRY(check_caa(desk, session, &prover, rules.profile, order, now, &known, why));
    *asked = !known;
    if (!known)
        return ERR_OK;
    memcpy(issuance.csr_hash, order->issuance->csr_hash, STORE_HASH_SIZE);
    TRY(order_leaf_write(a, &rules, order, key,
                         order_star_times(star, rules.issuer, number), now, &issuance,
                         why));
    step.due = order_star_due(star, order->id, number);
    return order_desk_issue(desk, session, &issuance, why);
}

/* Later, or never. */
static enum err give_up(struct store_session *session, struct arena *a,
                        const struct store_order *order, int64_t now,
                        struct err_info *reason, struct err_info *why)
{
    const struct store_star *star = order->star;
    int64_t wait = star->lifetime / 16 > 0 ? star->lifetime / 16 : 1;

    log_event(reason->code == ERR_CONFLICT ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              "order.not_renewed", "order=%lld why=" LOG_QUOTE, (long long)order->id,
              reason->detail);
    if (reason->code != ERR_UNAUTHORIZED && reason->code != ERR_BAD_CSR)
        return store_star_postpone(session, order->id, star->due, now + wait, why);
    enum err result =
        store_star_cancel(session, order->id, now, problem_text(a, reason), why);
    if (result == ERR_CONFLICT) /* it never had a certificate */
        result = store_star_postpone(session, order->id, star->due, 0, why);
    return result;
}

static enum err renew(struct order_desk *desk, struct store_session *session,
                      const struct order_star_means *means, int64_t order_id, int64_t now,
                      struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_order *order = NULL;
    struct err_info reason = {0};
    bool asked = false;

    enum err result = store_order_by_id(session, a, order_id, &order, why);
    if (result == ERR_NOT_FOUND || (result == ERR_OK && order->star == NULL))
        return ERR_OK;
    TRY(result);
    if (order->star->due == 0 || order->star->due > now)
        return ERR_OK;                                   /* somebody was quicker */
    if (order->star->end <= now || order->error != NULL) /* there is nothing to make */
        result = store_star_postpone(session, order_id, order->star->due, 0, why);
    else if (order_star_number(order->star, now) < 0) /* the clock was set back */
        result = store_star_postpone(session, order_id, order->star->due,
                                     order_star_due(order->star, order_id, 0), why);
    else
        result = begin(desk, session, a, means, order, now, &asked, &reason);
    if (asked)
        result = store_star_postpone(session, order_id, order->star->due,
                                     now + CAA_LOOK_SECONDS, why);
    if (result != ERR_OK && reason.code == result && result != ERR_STORE)
        result = give_up(session, a, order, now, &reason, why);
    else if (result != ERR_OK && reason.code == result)
        result = err_set(why, result, "%s", reason.detail);
    return result == ERR_CONFLICT ? ERR_OK : result;
}

enum err order_star_renew(struct order_desk *desk, struct store_session *session,
                          const struct order_star_means *means, int64_t now,
                          size_t *count, struct err_info *why)
{
    int64_t ids[ORDER_STAR_AT_ONCE];

    TRY(store_star_due(session, now, ORDER_STAR_AT_ONCE, ids, count, why));
    for (size_t i = 0; i < *count; i++)
        TRY(renew(desk, session, means, ids[i], now, why));
    return ERR_OK;
}
