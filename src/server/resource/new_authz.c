/* Authorizations that are asked for without an order (RFC 8555 7.4.1, RFC 9444 4.2). */
#include "server/exchange/account_cache.h"
#include "server/issue/issuer_choice.h"
#include "server/limit/limit_rules.h"
#include "server/order/order_place.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

#define HTTP_FORBIDDEN 403

static enum err allowed_by(const struct exchange *x,
                           const struct settings_profile *offered,
                           const struct identifier *identifier, struct err_info *why)
{
    struct settings_profile profile = *offered;
    struct issuer_choice issuers;

    TRY(resource_issuers(x, offered, &issuers, why));
    profile.challenge_types = 0; /* whatever proves it may serve some profile */
    const struct policy_scope scope = {
        x->services->settings, x->directory,        &profile,
        x->account->external,  x->services->limits, &issuers};
    return policy_identifier_allowed(&scope, identifier, why);
}

/* The rules of this directory. Profiles differ in what they take, and in their issuers,
 * and none is chosen yet: it is enough that one takes this. */
static enum err check_allowed(const struct exchange *x,
                              const struct identifier *identifier, struct err_info *why)
{
    enum err result = ERR_INVALID_PROFILE;

    for (size_t i = 0; i < x->directory->offered_count; i++) {
        struct err_info refusal = {0};
        enum err one = allowed_by(x, x->directory->offered[i], identifier, &refusal);
        if (one == ERR_OK)
            return ERR_OK;
        if (result == ERR_INVALID_PROFILE) { /* another reason says more */
            result = one;
            *why = refusal;
        }
    }
    if (result == ERR_INVALID_PROFILE)
        return err_set(why, ERR_UNSUPPORTED_IDENTIFIER,
                       "no profile takes identifiers of type \"%s\"",
                       terms_identifier_type(identifier->type));
    return result;
}

/* The identifier of the payload. What no certificate is issued for is refused with 403
 * here, by the RFC's wish. */
static enum err read_identifier(struct exchange *x, struct identifier *identifier,
                                const struct json **object, struct err_info *why)
{
    const char *type = NULL;
    const char *value = NULL;

    *object = json_member(x->payload, "identifier");
    if (!json_is_object(*object))
        return err_set(why, ERR_MALFORMED,
                       "newAuthz needs a payload with an identifier, an object");
    TRY(json_need_text(*object, "type", &type, why));
    TRY(json_need_text(*object, "value", &value, why));
    enum err result = policy_identifier(x->arena, type, value, identifier, why);
    if (result == ERR_OK && terms_is_device(identifier->type))
        result = err_set(why, ERR_UNSUPPORTED_IDENTIFIER,
                         "a device attests a key for the certificate of one order; there "
                         "is no authorization for it without an order");
    bool wildcard = result == ERR_OK && identifier_is_wildcard(identifier);
    if (result == ERR_OK && !wildcard)
        result = check_allowed(x, identifier, why);
    if (result == ERR_REJECTED_IDENTIFIER || result == ERR_UNSUPPORTED_IDENTIFIER)
        why->http_status = HTTP_FORBIDDEN;
    if (wildcard)
        return err_set(why, ERR_MALFORMED,
                       "a wildcard can only be ordered; there is no authorization for "
                       "\"%s\" without an order (RFC 8555 7.4.1)",
                       identifier->value);
    return result;
}

enum err resource_new_authz(struct exchange *x, struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    const struct external_policy *external = x->account->external;
    const struct json *object = NULL;
    struct order_place_request request = {.account_id = x->account->id};
    struct store_authz *authz = NULL;
    bool existed = false;
    struct limit_rules_spent spent = {0};

    if (!order_place_has_authz(settings))
        return err_set(why, ERR_NOT_FOUND,
                       "this CA has no authorizations without orders (newAuthz)");
    TRY(resource_terms_check(x, why));
    TRY(read_identifier(x, &request.identifier, &object, why));
    TRY(json_take_bool(object, "subdomainAuthAllowed", false, &request.subdomains, why));
    request.subdomains = request.subdomains &&
                         policy_subdomains(settings, x->directory, &request.identifier);
    request.proofs = policy_proofs(x->directory, external, NULL);
    TRY(limit_rules_authz(x->services->limits, x->arena, x->account->id,
                          external != NULL ? &external->limits : NULL,
                          identifier_text(x->arena, &request.identifier), &spent, why));
    enum err result = order_place_authz(x->session, x->arena, settings, &request, &authz,
                                        &existed, why);
    if (result != ERR_OK || existed) /* nothing new was made */
        limit_rules_refund(x->services->limits, &spent);
    TRY(result);
    render_authz(x, authz);
    exchange_header_add(x, "Location", exchange_url(x, "authz", authz->id));
    exchange_reply_set(x, existed ? 200 : 201, RENDER_JSON);
    return ERR_OK;
}
