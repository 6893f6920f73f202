/* The answer to device-attest-01 (draft-ietf-acme-device-attest 5): an attestation, which
 * is judged while its client waits; and that only the attested key is certified. */
#include <string.h>

#include "core/acme/key_authorization.h"
#include "core/attest/attest.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/x509/csr.h"
#include "server/exchange/account_cache.h"
#include "server/limit/limit_rules.h"
#include "server/order/attest_desk.h"
#include "server/order/device.h"
#include "server/order/order_state.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"
#include "server/store/store_attestation.h"

#define TYPE      CHALLENGE_DEVICE_ATTEST_01
#define SHOWN_MAX 300  /* octets of what a client says went wrong */
#define GRACE_MS  2000 /* the desk gives up before the exchange that waits for it */

/* What the client sent, or why it is no attestation. */
static enum err read_object(struct exchange *x, struct span *object,
                            struct err_info *refusal)
{
    const char *error = json_text(json_member(x->payload, "error"));
    const struct json *text = json_member(x->payload, "attObj");

    if (error != NULL && error[0] != '\0')
        return err_set(refusal, ERR_BAD_ATTESTATION_STATEMENT,
                       "the device could not attest: %.*s", SHOWN_MAX, error);
    if (!json_is_string(text))
        return err_set(refusal, ERR_BAD_ATTESTATION_STATEMENT,
                       "the attestation is missing: \"attObj\" is a text in base64url");
    if (!base64url_decode(x->arena, json_span(text), object))
        return err_set(refusal, ERR_BAD_ATTESTATION_STATEMENT,
                       "the attestation is not base64url without padding");
    if (object->len > ATTEST_OBJECT_MAX)
        return err_set(refusal, ERR_BAD_ATTESTATION_STATEMENT,
                       "the attestation has more than %d octets", ATTEST_OBJECT_MAX);
    return ERR_OK;
}

/* The profile that the authorization's order was made for; NULL if there is none. */
static enum err find_profile(struct exchange *x, const struct store_authz *authz,
                             const struct settings_profile **profile,
                             struct err_info *why)
{
    struct store_order *order = NULL;

    if (authz->order_id == 0)
        return ERR_OK;
    TRY(store_order_by_id(x->session, x->arena, authz->order_id, &order, why));
    return policy_profile_again(x->directory, order->profile, profile, why);
}

/* The question about it, but for the object; the device must be one that may enrol. */
static enum err make_question(struct exchange *x, const struct store_authz *authz,
                              struct attest_desk_question *q, struct err_info *why)
{
    const struct settings_profile *profile = NULL;

    TRY(find_profile(x, authz, &profile, why));
    q->authz_id = authz->id;
    q->account_id = x->account->id;
    q->identifier.type = (enum identifier_type)authz->identifier.type;
    q->identifier.value = authz->identifier.value;
    q->profile = profile != NULL ? profile->name : "";
    q->token = order_state_token(x->arena, authz, TYPE);
    q->key_authorization =
        key_authorization_text(x->arena, q->token, x->account->thumbprint);
    TRY(resource_devices_check(x, profile, &q->identifier, 1, why));
    return device_known(x->session, x->arena, &q->identifier, &q->known, &q->known_count,
                        why);
}

/* The verdict. What was refused is answered with the problem itself (draft 5), or the way
 * some clients know it from elsewhere. */
static enum err show(struct exchange *x, const struct store_authz *authz)
{
    render_challenge(x, authz, TYPE);
    if (authz->verdict != STORE_VERDICT_INVALID || authz->error == NULL ||
        x->services->settings->attest_failure_status == 200)
        return ERR_OK;
    buf_clear(&x->reply.body);
    buf_add_text(&x->reply.body, authz->error);
    exchange_reply_set(x, err_http_status(ERR_BAD_ATTESTATION_STATEMENT),
                       "application/problem+json");
    return ERR_OK;
}

/* The verdict is there, or will not come. */
static enum err decided(struct exchange *x, struct err_info *why)
{
    struct flight_table *flights = attest_desk_flights(x->services->attestations);
    const int64_t *until_us = x->step_data;
    struct store_authz *authz = NULL;

    flight_leave(flights, x->id, x);
    TRY(store_authz_by_id(x->session, x->arena, x->id, &authz, why));
    if (authz->verdict != STORE_VERDICT_NONE)
        return show(x, authz);
    enum authz_status status = order_state_authz(authz, clock_now());
    if (status != AUTHZ_PENDING)
        return err_set(why, ERR_MALFORMED, "the authorization is %s",
                       terms_authz_status(status));
    if (clock_monotonic_us() < *until_us && flight_join(flights, x->id, x)) {
        exchange_park(x, decided, *until_us);
        return ERR_OK;
    }
    (void)err_set(why, ERR_UNAVAILABLE,
                  "the attestation could not be judged just now; the challenge is still "
                  "pending: send it again");
    why->retry_after_seconds = 2;
    return ERR_UNAVAILABLE;
}

/* Record what needs no validator to be refused, and show that. */
static enum err refuse(struct exchange *x, const struct attest_desk_question *question,
                       const struct err_info *refusal, struct err_info *why)
{
    struct store_authz *authz = NULL;
    enum err result = attest_desk_refuse(x->session, x->services->limits, question,
                                         refusal, false, why);

    /* a conflict: it was decided meanwhile, and that stands */
    if (result != ERR_OK && result != ERR_CONFLICT)
        return result;
    TRY(store_authz_by_id(x->session, x->arena, x->id, &authz, why));
    return authz->verdict != STORE_VERDICT_NONE
               ? show(x, authz)
               : err_set(why, ERR_MALFORMED, "the authorization is deactivated");
}

enum err resource_device_attest(struct exchange *x, const struct store_authz *authz,
                                struct err_info *why)
{
    struct flight_table *flights = attest_desk_flights(x->services->attestations);
    const int64_t timeout_ms = x->services->settings->attest_timeout;
    struct attest_desk_question question = {0};
    struct limit_rules_spent spent = {0};
    struct err_info refusal = {0};

    int64_t *until_us = arena_get(x->arena, sizeof *until_us);
    *until_us = clock_monotonic_us() + (timeout_ms + GRACE_MS) * 1000;
    x->step_data = until_us;
    /* who asks again what is under way begins nothing */
    if (flight_join(flights, x->id, x)) {
        exchange_park(x, decided, *until_us);
        return ERR_OK;
    }
    TRY(make_question(x, authz, &question, why));
    TRY(limit_rules_validation(x->services->limits, x->arena, x->account->id,
                               authz->identifier.value, &spent, why));
    if (read_object(x, &question.object, &refusal) != ERR_OK)
        return refuse(x, &question, &refusal, why);
    enum err result = attest_desk_begin(x->services->attestations, x->session, &question,
                                        timeout_ms, why);
    if (result != ERR_OK)
        limit_rules_refund(x->services->limits, &spent);
    TRY(result);
    if (!flight_join(flights, x->id, x))
        return decided(x, why);
    exchange_park(x, decided, *until_us);
    return ERR_OK;
}

/* ---- finalize ---- */

enum err resource_attested_key(struct exchange *x, const struct store_order *order,
                               const struct key *key, struct err_info *why)
{
    uint8_t hash[HASH_SHA256_SIZE];

    hash_sha256(key_spki(key), hash);
    for (size_t i = 0; i < order->authz_count; i++) {
        const struct store_authz *authz = &order->authzs[i];
        struct store_attestation attestation = {0};
        if (!terms_is_device((enum identifier_type)authz->identifier.type))
            continue;
        enum err result = store_attestation_of(x->session, authz->id, &attestation, why);
        if (result != ERR_OK && result != ERR_NOT_FOUND)
            return result;
        if (result == ERR_NOT_FOUND ||
            !secret_equal(span_make(hash, sizeof hash),
                          span_make(attestation.key_hash, STORE_HASH_SIZE)))
            return err_set(why, ERR_UNAUTHORIZED,
                           "the key of the request is not the one that the device \"%s\" "
                           "attested",
                           authz->identifier.value);
    }
    return ERR_OK;
}
