/* Orders: made and shown (RFC 8555 7.4). */
#include <string.h>

#include "core/base/clock.h"
#include "server/exchange/account_cache.h"
#include "server/issue/issuer_choice.h"
#include "server/limit/limit_rules.h"
#include "server/order/order_place.h"
#include "server/order/order_state.h"
#include "server/order/renewal.h"
#include "server/policy/policy.h"
#include "server/policy/policy_star.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"
#include "server/store/store_star.h"

/* What only an order of its own can have. */
static bool is_special(const struct json *payload)
{
    return json_member(payload, "replaces") != NULL ||
           json_member(payload, "auto-renewal") != NULL;
}

enum err resource_new_order(struct exchange *x, struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    const struct settings_profile *profile = NULL;
    struct issuer_choice issuers;
    struct identifier *identifiers = NULL;
    struct order_place_wish wish = {0};
    struct store_order *order = arena_get(x->arena, sizeof *order);
    struct renewal *replaced = NULL;

    TRY(resource_terms_check(x, why));
    if (x->payload == NULL)
        return err_set(why, ERR_MALFORMED, "newOrder needs a payload with identifiers");
    TRY(policy_profile(x->directory, x->payload, x->account, &profile, why));
    const struct external_policy *external = x->account->external;
    TRY(resource_issuers(x, profile, &issuers, why));
    const struct template_issuer bounds = {.not_before = issuers.not_before,
                                           .not_after = issuers.not_after};
    const struct policy_scope scope = {settings, x->directory,        profile,
                                       external, x->services->limits, &issuers};
    TRY(policy_identifiers(x->arena, &scope, x->payload, &identifiers, &wish.count, why));
    TRY(resource_devices_check(x, profile, identifiers, wish.count, why));
    TRY(policy_ancestors(x->arena, &scope, x->payload, identifiers, wish.count,
                         &wish.ancestors, why));
    wish.identifiers = identifiers;
    wish.proofs = policy_proofs(x->directory, external, profile);
    wish.challenges = profile->challenge_types;
    wish.alone = is_special(x->payload);
    order->account_id = x->account->id;
    order->created = clock_now();
    order->profile = profile->name;
    TRY(policy_star(x->arena, &scope, x->payload, &bounds, order->created, &order->star,
                    why));
    TRY(policy_validity(&scope, x->payload, issuers.not_before, issuers.not_after,
                        order->created, &order->not_before, &order->not_after, why));
    order_place_prepare(x->arena, settings, &wish, order);
    TRY(resource_replaced(x, order->identifiers, wish.count, &replaced, why));
    const struct limit_rules_order limited = {
        .account_id = x->account->id,
        .identifiers = order->identifiers,
        .count = wish.count,
        .is_renewal = replaced != NULL && renewal_is_due(replaced, order->created),
        .proved = wish.ancestors,
        .key = external != NULL ? &external->limits : NULL,
    };
    struct limit_rules_spent spent = {0};
    TRY(limit_rules_order(x->services->limits, x->session, x->arena, &limited, &spent,
                          why));
    struct store_order *given = order;
    enum err result =
        replaced != NULL
            ? resource_order_replacing(x, &wish, replaced, order, why)
            : order_place(x->session, x->arena, settings, &wish, &given, why);
    if (result != ERR_OK || given != order) /* nothing new was made */
        limit_rules_refund(x->services->limits, &spent);
    TRY(result);
    render_order(x, 201, given);
    return ERR_OK;
}

enum err resource_order_load(struct exchange *x, struct store_order **order,
                             struct err_info *why)
{
    enum err result = store_order_by_id(x->session, x->arena, x->id, order, why);

    /* somebody else's order is as good as not there */
    if (result == ERR_OK && (*order)->account_id != x->account->id)
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no such order");
    return result;
}

/* All that can be changed of an order is that it is not renewed any more (RFC 8739
 * 3.1.2). */
static enum err change_order(struct exchange *x, struct store_order **order,
                             struct err_info *why)
{
    const char *status = NULL;

    TRY(json_take_text(x->payload, "status", &status, why));
    if (status == NULL || strcmp(status, terms_order_status(ORDER_CANCELED)) != 0)
        return err_set(why, ERR_MALFORMED,
                       "an order is fetched with an empty payload (POST-as-GET), or "
                       "canceled with {\"status\": \"canceled\"} if it renews itself");
    enum err result = (*order)->star == NULL
                          ? ERR_CONFLICT
                          : store_star_cancel(x->session, x->id, clock_now(), NULL, why);
    if (result == ERR_CONFLICT)
        return err_set(why, ERR_AUTO_RENEWAL_CANCELLATION_INVALID, "the order is %s%s",
                       (*order)->star == NULL ? "no auto-renewal order, but " : "",
                       terms_order_status(order_state_order(*order, clock_now())));
    TRY(result);
    return resource_order_load(x, order, why);
}

enum err resource_order(struct exchange *x, struct err_info *why)
{
    struct store_order *order = NULL;

    TRY(resource_order_load(x, &order, why));
    if (!x->post_as_get)
        TRY(change_order(x, &order, why));
    render_order(x, 200, order);
    return ERR_OK;
}
