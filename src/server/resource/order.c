/* Orders: made, shown, and their certificates (RFC 8555 7.4, 7.4.2). */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/crypto/der_read.h"
#include "core/x509/certificate.h"
#include "server/exchange/account_cache.h"
#include "server/issue/template.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

#define CERTIFICATE_TYPE "application/pem-certificate-chain"

static void prepare_authz(struct store_authz *authz, const struct identifier *identifier,
                          int64_t now, int64_t expires)
{
    authz->identifier.type = (int)identifier->type;
    authz->identifier.value = identifier_base(identifier);
    authz->wildcard = identifier_is_wildcard(identifier);
    authz->created = now;
    authz->expires = expires;
    random_fill(authz->seed, sizeof authz->seed);
}

enum err resource_new_order(struct exchange *x, struct err_info *why)
{
    struct identifier *identifiers = NULL;
    size_t count = 0;
    int64_t now = clock_now();

    if (x->payload == NULL)
        return err_set(why, ERR_MALFORMED, "newOrder needs a payload with identifiers");
    TRY(policy_identifiers(x->arena, x->services->settings, x->payload, &identifiers,
                           &count, why));
    struct store_identifier *shown = arena_array(x->arena, count, sizeof *shown);
    struct store_order order = {
        .account_id = x->account->id,
        .created = now,
        .expires = now + x->services->settings->order_lifetime / 1000,
        .profile = "",
        .identifiers = shown,
        .identifier_count = count,
        .authzs = arena_array(x->arena, count, sizeof *order.authzs)};
    TRY(policy_validity(x->services->settings, x->payload,
                        x->services->issuer->not_before, x->services->issuer->not_after,
                        now, &order.not_before, &order.not_after, why));
    /* what has ended already cannot be issued */
    if (order.not_after != 0 && order.not_after < order.expires)
        order.expires = order.not_after;
    for (size_t i = 0; i < count; i++) {
        shown[i].type = (int)identifiers[i].type;
        shown[i].value = identifiers[i].value;
        prepare_authz(&order.authzs[i], &identifiers[i], now, order.expires);
    }
    TRY(store_order_add(x->session, &order, why));
    render_order(x, 201, &order);
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

enum err resource_order(struct exchange *x, struct err_info *why)
{
    struct store_order *order = NULL;

    TRY(resource_order_load(x, &order, why));
    if (!x->post_as_get)
        return err_set(why, ERR_MALFORMED,
                       "an order is fetched with an empty payload (POST-as-GET)");
    render_order(x, 200, order);
    return ERR_OK;
}

/* The issuers are kept as DER certificates one behind the other. */
static enum err add_issuers(struct exchange *x, struct span issuers, struct err_info *why)
{
    struct der_reader r = der_read_start(issuers, 1);

    while (der_read_more(&r))
        certificate_pem_add(&x->reply.body, der_read_element(&r));
    return der_read_finish(&r, ERR_INTERNAL, "the stored chain", why);
}

enum err resource_certificate(struct exchange *x, struct err_info *why)
{
    struct store_issuance *issuance = NULL;

    enum err result =
        store_certificate_by_id(x->session, x->arena, x->id, &issuance, why);
    if (result == ERR_OK && issuance->account_id != x->account->id)
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no such certificate");
    if (result != ERR_OK)
        return result;
    if (!x->post_as_get)
        return err_set(why, ERR_MALFORMED,
                       "a certificate is fetched with an empty payload (POST-as-GET)");
    certificate_pem_add(&x->reply.body, issuance->certificate);
    TRY(add_issuers(x, issuance->issuers, why));
    exchange_reply_set(x, 200, CERTIFICATE_TYPE);
    return ERR_OK;
}
