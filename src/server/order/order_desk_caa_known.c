/* When CAA was looked up last. */
#include <string.h>

#include "core/acme/identifier.h"
#include "server/order/order_desk_caa.h"
#include "server/settings/settings.h"

static bool is_since(int64_t checked, int64_t since, int64_t now)
{
    return checked != 0 && checked >= since && checked <= now;
}

/* A proof of this very name, and not of others below or above it? */
static bool is_proof_of(const struct store_authz *authz,
                        const struct store_identifier *identifier)
{
    bool is_wildcard = identifier->value[0] == '*';

    return !authz->subdomains && authz->identifier.type == identifier->type &&
           authz->wildcard == is_wildcard &&
           strcmp(authz->identifier.value, identifier->value + (is_wildcard ? 2 : 0)) ==
               0;
}

bool order_desk_caa_is_known(const struct settings_directory *directory,
                             const struct store_order *order, int64_t since, int64_t now)
{
    if (!directory->check_caa || directory->caa_identities.count == 0 ||
        is_since(order->caa_checked, since, now))
        return true;
    for (size_t i = 0; i < order->identifier_count; i++) {
        const struct store_identifier *identifier = &order->identifiers[i];
        if (identifier->type == (int)IDENTIFIER_DNS &&
            (i >= order->authz_count || !is_proof_of(&order->authzs[i], identifier) ||
             !is_since(order->authzs[i].caa_checked, since, now)))
            return false;
    }
    return true;
}
