/* Devices that may not enrol: asked wherever a certificate comes nearer. */
#include "server/exchange/account_cache.h"
#include "server/order/device.h"
#include "server/policy/policy.h"
#include "server/resource/resource.h"

enum err resource_devices_check(struct exchange *x,
                                const struct settings_profile *profile,
                                const struct identifier *identifiers, size_t count,
                                struct err_info *why)
{
    const struct external_policy *external = x->account->external;
    const struct device_scope scope = {x->directory, profile,
                                       external != NULL ? external->key_id : 0};

    return device_check(x->session, x->arena, &scope, identifiers, count, why);
}

static enum err check_order(struct exchange *x, const struct store_order *order,
                            struct err_info *why)
{
    struct identifier *list =
        arena_array(x->arena, order->identifier_count, sizeof *list);
    const struct settings_profile *profile = NULL;
    struct err_info ignored = {0};

    for (size_t i = 0; i < order->identifier_count; i++)
        list[i] = (struct identifier){(enum identifier_type)order->identifiers[i].type,
                                      order->identifiers[i].value};
    /* one that is not offered any more is refused later, with its own sentence */
    if (policy_profile_again(x->directory, order->profile, &profile, &ignored) != ERR_OK)
        profile = NULL;
    return resource_devices_check(x, profile, list, order->identifier_count, why);
}

enum err resource_devices_order(struct exchange *x, struct store_order **order,
                                struct err_info *why)
{
    struct store_order *row = NULL;

    TRY(resource_order_load(x, &row, why));
    TRY(check_order(x, row, why));
    *order = row;
    return ERR_OK;
}
