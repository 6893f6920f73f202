/* Status computed from facts. */
#include "server/order/order_state.h"

#include "core/base/base64url.h"
#include "core/crypto/hash.h"
#include "server/store/store_star.h"

enum authz_status order_state_authz(const struct store_authz *authz, int64_t now)
{
    if (authz->verdict == STORE_VERDICT_INVALID)
        return AUTHZ_INVALID;
    if (authz->deactivated != 0)
        return AUTHZ_DEACTIVATED;
    if (authz->expires <= now)
        return AUTHZ_EXPIRED;
    return authz->verdict == STORE_VERDICT_VALID ? AUTHZ_VALID : AUTHZ_PENDING;
}

enum challenge_status order_state_challenge(const struct store_authz *authz,
                                            enum challenge_type type)
{
    if (authz->attempt_type != (int)type)
        return CHALLENGE_STATUS_PENDING;
    switch (authz->verdict) {
    case STORE_VERDICT_VALID:
        return CHALLENGE_STATUS_VALID;
    case STORE_VERDICT_INVALID:
        return CHALLENGE_STATUS_INVALID;
    case STORE_VERDICT_NONE:
        break;
    }
    return authz->attempt_begun != 0 ? CHALLENGE_STATUS_PROCESSING
                                     : CHALLENGE_STATUS_PENDING;
}

enum order_status order_state_order(const struct store_order *order, int64_t now)
{
    bool all_valid = true;

    if (order->star != NULL && order->star->canceled != 0)
        return ORDER_CANCELED; /* RFC 8739 3.1.2 */
    if (order->error != NULL)
        return ORDER_INVALID;
    if (order->issuance != NULL && !order->issuance->waiting)
        return order->issuance->finished ? ORDER_VALID : ORDER_PROCESSING;
    for (size_t i = 0; i < order->authz_count; i++) {
        enum authz_status status = order_state_authz(&order->authzs[i], now);
        if (status != AUTHZ_VALID && status != AUTHZ_PENDING)
            return ORDER_INVALID;
        all_valid = all_valid && status == AUTHZ_VALID;
    }
    if (order->expires <= now)
        return ORDER_INVALID;
    return all_valid ? ORDER_READY : ORDER_PENDING;
}

char *order_state_token(struct arena *a, const struct store_authz *authz,
                        enum challenge_type type)
{
    uint8_t mac[HASH_SHA256_SIZE];

    hash_hmac_sha256(span_make(authz->seed, STORE_SEED_SIZE),
                     span_of(terms_challenge_type(type)), mac);
    return base64url_string(a, span_make(mac, sizeof mac));
}
