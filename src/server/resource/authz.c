/* Authorizations and challenges (RFC 8555 7.5). */
#include <string.h>

#include "core/base/clock.h"
#include "core/json/json_read.h"
#include "server/exchange/account_cache.h"
#include "server/exchange/flight.h"
#include "server/limit/limit_key.h"
#include "server/limit/limit_rules.h"
#include "server/order/order_desk.h"
#include "server/order/order_state.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

/* The authorization of the URL, if it is this account's; others' are as good as not
 * there. */
static enum err load(struct exchange *x, struct store_authz **authz, struct err_info *why)
{
    enum err result = store_authz_by_id(x->session, x->arena, x->id, authz, why);

    if (result == ERR_OK && (*authz)->account_id != x->account->id)
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "there is no such authorization");
    return result;
}

/* RFC 8555 7.5.2. Who asks twice gets what he wants. */
static enum err deactivate(struct exchange *x, struct store_authz **authz,
                           struct err_info *why)
{
    const char *status = NULL;
    int64_t now = clock_now();

    TRY(json_take_text(x->payload, "status", &status, why));
    if (status == NULL || strcmp(status, "deactivated") != 0)
        return err_set(why, ERR_MALFORMED,
                       "an authorization is fetched with an empty payload (POST-as-GET); "
                       "the only change is {\"status\":\"deactivated\"}");
    if (order_state_authz(*authz, now) == AUTHZ_DEACTIVATED)
        return ERR_OK;
    enum err result = store_authz_deactivate(x->session, x->id, now, why);
    if (result == ERR_CONFLICT) {
        /* another request, or a verdict, was written since it was read */
        TRY(load(x, authz, why));
        if (order_state_authz(*authz, now) == AUTHZ_DEACTIVATED)
            return ERR_OK;
        return err_set(why, ERR_MALFORMED, "the authorization is invalid already");
    }
    TRY(result);
    (*authz)->deactivated = now;
    return ERR_OK;
}

enum err resource_authz(struct exchange *x, struct err_info *why)
{
    struct store_authz *authz = NULL;

    TRY(load(x, &authz, why));
    if (!x->post_as_get)
        TRY(deactivate(x, &authz, why));
    render_authz(x, authz);
    return ERR_OK;
}

/* The challenge of the URL: an authorization, and at the end the type. */
static enum err load_challenge(struct exchange *x, struct store_authz **authz,
                               enum challenge_type *type, struct err_info *why)
{
    const char *last = strrchr(x->path, '/');

    if (last == NULL || !terms_read_challenge_type(last + 1, type))
        return err_set(why, ERR_NOT_FOUND, "there is no such challenge");
    TRY(load(x, authz, why));
    return render_has_challenge(x, *authz, *type)
               ? ERR_OK
               : err_set(why, ERR_NOT_FOUND, "the authorization has no %s challenge",
                         terms_challenge_type(*type));
}

/* The hold is over, or the verdict is there: show what is so now. */
static enum err challenge_decided(struct exchange *x, struct err_info *why)
{
    struct store_authz *authz = NULL;
    enum challenge_type type = CHALLENGE_HTTP_01;

    flight_leave(order_desk_validations(x->services->orders), x->id, x);
    TRY(load_challenge(x, &authz, &type, why));
    if (authz->verdict == STORE_VERDICT_NONE && authz->attempt_begun == 0) {
        /* "processing" is a promise: it must be known after a restart */
        enum err result =
            store_attempt_begin(x->session, x->id, (int)type, clock_now(), why);
        if (result != ERR_OK && result != ERR_CONFLICT)
            return result;
        if (result == ERR_CONFLICT) {
            TRY(load(x, &authz, why));
        } else {
            authz->attempt_type = (int)type;
            authz->attempt_begun = clock_now();
        }
    }
    render_challenge(x, authz, type);
    return ERR_OK;
}

enum err resource_challenge(struct exchange *x, struct err_info *why)
{
    struct store_authz *authz = NULL;
    enum challenge_type type = CHALLENGE_HTTP_01;
    struct limit_rules_spent spent = {0};

    TRY(load_challenge(x, &authz, &type, why));
    enum authz_status status = order_state_authz(authz, clock_now());
    /* a POST to a challenge that is decided already is no error: it shows the challenge
     */
    if (x->post_as_get || authz->verdict != STORE_VERDICT_NONE) {
        render_challenge(x, authz, type);
        return ERR_OK;
    }
    const struct identifier identifier = {(enum identifier_type)authz->identifier.type,
                                          authz->identifier.value};
    TRY(resource_devices_check(x, NULL, &identifier, 1, why));
    if (status != AUTHZ_PENDING)
        return err_set(why, ERR_MALFORMED, "the authorization is %s",
                       terms_authz_status(status));
    if (type == CHALLENGE_DEVICE_ATTEST_01)
        return resource_device_attest(x, authz, why);
    /* who asks again what is under way begins nothing */
    if (authz->attempt_begun == 0 &&
        !order_desk_is_checking(x->services->orders, authz->id))
        TRY(limit_rules_validation(x->services->limits, x->arena, x->account->id,
                                   limit_key_text(x->arena, &authz->identifier), &spent,
                                   why));
    const struct order_desk_prover prover = {x->account->id, x->account->thumbprint,
                                             x->directory->name, x->services->settings};
    enum err result =
        order_desk_validate(x->services->orders, x->session, authz, type, &prover, why);
    if (result != ERR_OK)
        limit_rules_refund(x->services->limits, &spent);
    TRY(result);
    if (!flight_join(order_desk_validations(x->services->orders), x->id, x))
        return challenge_decided(x, why);
    exchange_park(x, challenge_decided,
                  clock_monotonic_us() + x->services->settings->order_hold * 1000);
    return ERR_OK;
}
