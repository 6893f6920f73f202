/* Finalize: read the request, compare it with the order, have the certificate made (RFC
 * 8555 7.4). */
#include <string.h>

#include "core/acme/identifier.h"
#include "core/acme/problem.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/crypto/hash.h"
#include "core/x509/csr.h"
#include "server/exchange/account_cache.h"
#include "server/exchange/flight.h"
#include "server/issue/issuer.h"
#include "server/limit/limit_rules.h"
#include "server/order/order_desk.h"
#include "server/order/order_desk_caa.h"
#include "server/order/order_desk_logs.h"
#include "server/order/order_leaf.h"
#include "server/order/order_place.h"
#include "server/order/order_star.h"
#include "server/order/order_state.h"
#include "server/order/renewal.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

#define CAA_HOLD_MS 5000 /* beyond the time of one validation, or of a quorum */
#define TRIES_MAX   8    /* of one request, each after another's that was refused */

static enum err read_request(struct exchange *x, const struct csr_checked **csr,
                             struct err_info *why)
{
    const char *text = NULL;
    struct span der = {0};

    if (x->payload == NULL)
        return err_set(why, ERR_MALFORMED, "finalize needs a payload with a csr");
    TRY(json_need_text(x->payload, "csr", &text, why));
    if (!base64url_decode_padded(x->arena, span_of(text), &der))
        return err_set(why, ERR_MALFORMED, "the csr is not base64url");
    return csr_read(x->arena, der, csr, why);
}

/* The rules may have become stricter since the order was made; and what the request asks
 * for must be allowed by its profile. */
static enum err check_rules(const struct exchange *x, const struct store_order *order,
                            const struct csr_checked *csr, struct err_info *why)
{
    const struct settings_profile *profile = NULL;
    bool for_device = false;

    TRY(policy_profile_again(x->directory, order->profile, &profile, why));
    const struct policy_scope scope = {
        x->services->settings, x->directory,        profile,
        x->account->external,  x->services->limits, NULL};

    TRY(policy_profile_open(profile, x->account, why));
    for (size_t i = 0; i < order->identifier_count; i++) {
        const struct identifier identifier = {
            (enum identifier_type)order->identifiers[i].type,
            order->identifiers[i].value};
        TRY(policy_identifier_allowed(&scope, &identifier, why));
        for_device = for_device || terms_is_device(identifier.type);
    }
    return policy_request(x->arena, profile, csr, order->star != NULL, for_device, why);
}

/* Others might be able to certify for other keys. */
static enum err check_issuer(const struct issuer *issuer, const struct store_order *order,
                             struct err_info *why)
{
    for (size_t i = 0; i < order->identifier_count; i++) {
        const struct identifier identifier = {
            (enum identifier_type)order->identifiers[i].type,
            order->identifiers[i].value};
        const char *refusal = issuer_refuse(issuer, &identifier);
        if (refusal != NULL)
            return err_set(why, ERR_BAD_CSR,
                           "\"%s\" %s: the issuer for keys of this type has name "
                           "constraints",
                           identifier.value, refusal);
    }
    return ERR_OK;
}

/* The to-be-signed certificate and what is recorded of it. */
static enum err prepare(struct exchange *x, const struct csr_checked *csr,
                        const struct store_order *order, struct store_issuance *issuance,
                        struct err_info *why)
{
    const struct settings_profile *profile = NULL;
    const struct issuer *issuer = NULL;
    int64_t now = clock_now();

    TRY(policy_profile_again(x->directory, order->profile, &profile, why));
    TRY(resource_issuer(x, profile, key_type(csr->key), &issuer, why));
    TRY(check_issuer(issuer, order, why));
    const struct order_leaf_rules rules = {x->services->settings, profile,
                                           &issuer->template, x->directory->name,
                                           order->star == NULL ? csr : NULL};
    struct order_leaf_times times = order_leaf_times(&rules, order, now);
    if (order->star != NULL) {
        struct store_star_step *step = arena_get(x->arena, sizeof *step);
        times = order_star_begin(order->star, order->id, rules.issuer, key_spki(csr->key),
                                 now, step);
        issuance->star = step;
    }
    TRY(order_leaf_write(x->arena, &rules, order, csr->key, times, now, issuance, why));
    hash_sha256(csr->der, issuance->csr_hash);
    return ERR_OK;
}

/* What a request that is parked keeps. */
struct attempt {
    const struct csr_checked *csr;
    uint8_t digest[HASH_SHA256_SIZE]; /* of the request */
    int tries;
    int64_t caa_asked;    /* seconds: when CAA was looked up for it, 0: it was not */
    const char *conflict; /* why the last one came to nothing, or NULL */
    bool is_noted;        /* this try has its line in the audit log */
};

/* Beside the issuance, in the same change: who ends in between leaves both or neither. */
struct begun {
    struct exchange *x;
    struct attempt *attempt;
};

static void note_begun(void *argument)
{
    struct begun *b = argument;

    (void)resource_csr_note(b->x, b->attempt->csr, ERR_OK, NULL);
    b->attempt->is_noted = true;
}

/* Did the order's issuance begin with this request? */
static bool is_same_request(const struct store_order *order,
                            const struct attempt *attempt)
{
    return order->issuance != NULL &&
           memcmp(attempt->digest, order->issuance->csr_hash, STORE_HASH_SIZE) == 0;
}

static enum err issue(struct exchange *x, const struct store_order *order,
                      struct err_info *why);

/* The hold is over, or the certificate is there: show what is so now. */
static enum err finalize_decided(struct exchange *x, struct err_info *why)
{
    const struct attempt *attempt = x->step_data;
    struct store_order *order = NULL;

    flight_leave(order_desk_issuances(x->services->orders), x->id, x);
    TRY(resource_order_load(x, &order, why));
    if (order->issuance != NULL && !is_same_request(order, attempt))
        return err_set(why, ERR_ORDER_NOT_READY,
                       "the order was finalized with another request already");
    enum order_status status = order_state_order(order, clock_now());
    if (status == ORDER_READY && order->issuance != NULL) /* its logs failed */
        return order_desk_logs_trouble(x->services->orders, x->arena, x->id, why);
    if (order->issuance == NULL && order->error == NULL) {
        /* who was quicker was refused, and his request may have been another */
        if (status == ORDER_READY && attempt->tries < TRIES_MAX)
            return issue(x, order, why);
        return err_set(why, ERR_ORDER_NOT_READY,
                       "the order was changed meanwhile: it is %s%s%s",
                       terms_order_status(status), attempt->conflict != NULL ? "; " : "",
                       attempt->conflict != NULL ? attempt->conflict : "");
    }
    render_order(x, 200, order);
    return ERR_OK;
}

/* The same request again, while or after it is answered, is no error: clients poll so. */
static enum err wait_for_it(struct exchange *x, struct err_info *why)
{
    if (!flight_join(order_desk_issuances(x->services->orders), x->id, x))
        return finalize_decided(x, why);
    exchange_park(x, finalize_decided,
                  clock_monotonic_us() + x->services->settings->order_hold * 1000);
    return ERR_OK;
}

/* Does the order replace a certificate whose time has come? Only limits want to know. */
static enum err renews(struct exchange *x, const struct store_order *order, bool *is,
                       struct err_info *why)
{
    const struct limit *limits = x->services->limits;
    struct renewal *replaced = NULL;

    if (order->replaces == NULL || (!limit_is_on(limits, RATE_CERTIFICATES_PER_DOMAIN) &&
                                    !limit_is_on(limits, RATE_CERTIFICATES_PER_SET)))
        return ERR_OK;
    enum err result = renewal_find(x->session, x->arena, x->services->settings,
                                   span_of(order->replaces), clock_now(), &replaced, why);
    if (result == ERR_OK)
        *is = renewal_is_due(replaced, clock_now());
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

/* What was proved for another order must be young enough now, too (BR 4.2.1); where it is
 * not, the order has come to its end. */
static enum err check_age(struct exchange *x, const struct store_order *order,
                          struct err_info *why)
{
    const struct store_authz *authz =
        order_place_too_old(x->services->settings, order, clock_now());
    struct err_info old = {0};

    if (authz == NULL)
        return ERR_OK;
    (void)err_set(&old, ERR_UNAUTHORIZED,
                  "control of %s was proved longer ago than this CA allows now; order "
                  "again",
                  authz->identifier.value);
    TRY(store_order_fail(x->session, order->id, problem_text(x->arena, &old), why));
    return err_set(why, ERR_ORDER_NOT_READY, "%s", old.detail);
}

/* CAA was looked up, or could not be in all the time there was. */
static enum err caa_decided(struct exchange *x, struct err_info *why)
{
    const struct attempt *attempt = x->step_data;
    struct store_order *order = NULL;

    flight_leave(order_desk_caa_flights(x->services->orders), x->id, x);
    TRY(resource_order_load(x, &order, why));
    if (order->error != NULL) { /* all of it, with its subproblems */
        (void)resource_csr_note(x, attempt->csr, ERR_CAA, NULL);
        buf_add_text(&x->reply.body, order->error);
        exchange_reply_set(x, err_http_status(ERR_CAA), "application/problem+json");
        return ERR_OK;
    }
    if (order->issuance != NULL && !order->issuance->waiting)
        return wait_for_it(x, why);
    if (order->caa_checked < attempt->caa_asked)
        return resource_csr_note(
            x, attempt->csr,
            order_desk_caa_trouble(x->services->orders, x->arena, x->id, why), why);
    if (order_state_order(order, clock_now()) != ORDER_READY)
        return finalize_decided(x, why);
    return issue(x, order, why);
}

/* CAA must have been looked up lately (RFC 8657 5.5, BR 3.2.2.8); else it is now, and the
 * answer waits for that: `*parked`. */
static enum err check_caa(struct exchange *x, const struct store_order *order,
                          struct attempt *attempt, bool *parked, struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    const struct settings_profile *profile = NULL;
    int64_t now = clock_now();
    /* that of a quorum is never the shorter one */
    int64_t time_ms = settings->perspectives.count > 0 && settings->quorum.asked
                          ? settings->quorum_timeout
                          : settings->validation_timeout;

    TRY(policy_profile_again(x->directory, order->profile, &profile, why));
    int64_t age = profile->caa_age / 1000;
    int64_t since = age > 0 ? now - age : now + 1;
    if (attempt->caa_asked != 0 && attempt->caa_asked < since)
        since = attempt->caa_asked;
    if (order_desk_caa_is_known(x->directory, order, since, now))
        return ERR_OK;
    const struct order_desk_prover prover = {x->account->id, x->account->thumbprint,
                                             x->directory->name, settings};
    TRY(order_desk_caa_ask(x->services->orders, x->session, order, &prover,
                           &attempt->caa_asked, why));
    *parked = true;
    if (!flight_join(order_desk_caa_flights(x->services->orders), x->id, x))
        return caa_decided(x, why);
    exchange_park(x, caa_decided, clock_monotonic_us() + (time_ms + CAA_HOLD_MS) * 1000);
    return ERR_OK;
}

/* Goes an issuance on that waits for its logs? Only if it is what would be made now: for
 * the same key, by the same issuer and profile. */
static bool resumes(const struct store_order *order, struct store_issuance *issuance)
{
    const struct store_issuance *before = order->issuance;

    if (before == NULL || !before->waiting || !issuance->is_precertificate ||
        memcmp(before->key_hash, issuance->key_hash, STORE_HASH_SIZE) != 0 ||
        before->issuer_len != issuance->issuer_len ||
        memcmp(before->issuer, issuance->issuer, before->issuer_len) != 0 ||
        strcmp(before->profile, issuance->profile) != 0)
        return false;
    issuance->id = before->id;
    return true;
}

/* An issuance that was revoked meanwhile, or given up, makes room for another. */
static enum err begin(struct exchange *x, const struct store_order *order,
                      struct attempt *attempt, struct store_issuance *issuance,
                      struct err_info *why)
{
    struct order_desk *desk = x->services->orders;
    struct begun begun = {x, attempt};

    if (resumes(order, issuance)) {
        enum err result = order_desk_logs_resume(desk, x->session, issuance, why);
        if (result != ERR_CONFLICT)
            return result;
        issuance->id = 0;
    }
    return order_desk_issue_noted(desk, x->session, issuance, note_begun, &begun, why);
}

/* Judge the request, begin the issuance of an order that is ready, and wait for it. */
static enum err try_issue(struct exchange *x, const struct store_order *order,
                          bool *parked, struct err_info *why)
{
    const struct attempt *before = x->step_data;
    struct attempt *attempt = arena_get(x->arena, sizeof *attempt);
    struct store_issuance issuance = {0};
    struct limit_rules_order wish = {.account_id = order->account_id,
                                     .identifiers = order->identifiers,
                                     .count = order->identifier_count};
    struct limit_rules_spent spent = {0};

    *attempt = *before;
    attempt->tries++;
    attempt->is_noted = false;
    x->step_data = attempt;
    TRY(resource_terms_check(x, why));
    TRY(check_age(x, order, why));
    TRY(resource_request_names(x, attempt->csr, order, why));
    TRY(resource_attested_key(x, order, attempt->csr->key, why));
    TRY(policy_subject_key(x->services->key_lists, attempt->csr->key, x->account->key,
                           why));
    TRY(check_rules(x, order, attempt->csr, why));
    TRY(check_caa(x, order, attempt, parked, why));
    if (*parked)
        return ERR_OK;
    TRY(prepare(x, attempt->csr, order, &issuance, why));
    TRY(renews(x, order, &wish.is_renewal, why));
    TRY(limit_rules_certificate(x->services->limits, x->session, x->arena, &wish, &spent,
                                why));
    enum err result = begin(x, order, attempt, &issuance, why);
    if (result != ERR_OK)
        limit_rules_refund(x->services->limits, &spent);
    /* a conflict: somebody was quicker with this order, and it is known soon with what */
    if (result == ERR_CONFLICT)
        attempt->conflict = arena_string(x->arena, why->detail);
    return result;
}

static enum err issue(struct exchange *x, const struct store_order *order,
                      struct err_info *why)
{
    bool parked = false;
    enum err result = try_issue(x, order, &parked, why);
    const struct attempt *attempt = x->step_data;
    if (parked) /* it is noted when it is decided */
        return result;
    if (!attempt->is_noted)
        (void)resource_csr_note(x, attempt->csr, result, why);
    return result == ERR_OK || result == ERR_CONFLICT ? wait_for_it(x, why) : result;
}

enum err resource_finalize(struct exchange *x, struct err_info *why)
{
    struct attempt *attempt = arena_get(x->arena, sizeof *attempt);
    struct store_order *order = NULL;

    TRY(resource_devices_order(x, &order, why));
    enum order_status status = order_state_order(order, clock_now());
    if (status == ORDER_PENDING || status == ORDER_INVALID)
        return err_set(why, ERR_ORDER_NOT_READY, "the order is %s, not ready",
                       terms_order_status(status));
    enum err result = read_request(x, &attempt->csr, why);
    if (result != ERR_OK)
        return resource_csr_note(x, NULL, result, why);
    hash_sha256(attempt->csr->der, attempt->digest);
    x->step_data = attempt;
    return status == ORDER_READY ? issue(x, order, why) : wait_for_it(x, why);
}
