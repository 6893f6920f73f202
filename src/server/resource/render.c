/* ACME objects as JSON. */
#include "server/resource/render.h"

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"
#include "server/exchange/account_cache.h"
#include "server/order/order_desk.h"
#include "server/order/order_persist.h"
#include "server/order/order_state.h"
#include "server/policy/policy.h"
#include "server/policy/policy_external.h"
#include "server/resource/validation_record.h"
#include "server/store/store_star.h"

#define RETRY_AFTER                                                                      \
    "1" /* seconds: what is awaited was nearly done when the hold ended                  \
         */

void render_issuer_names(struct json_writer *w,
                         const struct settings_directory *directory)
{
    bool hashed = directory->dns_persist_revision >= SETTINGS_DNS_PERSIST_HASHED;

    json_write_begin_array(w, hashed ? "issuerDomainNames" : "issuer-domain-names");
    for (size_t i = 0; i < directory->caa_identities.count; i++)
        json_write_text(w, NULL, directory->caa_identities.items[i]);
    json_write_end_array(w);
}

void render_account(struct exchange *x, int status, const struct store_account *account)
{
    struct json_writer w = json_writer_make(&x->reply.body);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "status",
                    terms_account_status((enum account_status)account->status));
    json_write_raw(&w, "contact", span_of(account->contacts));
    if (account->terms_agreed)
        json_write_bool(&w, "termsOfServiceAgreed", true);
    json_write_text(&w, "orders", exchange_url(x, "orders", account->id));
    if (account->external_binding != NULL)
        json_write_raw(&w, "externalAccountBinding", span_of(account->external_binding));
    json_write_end_object(&w);
    exchange_reply_set(x, status, RENDER_JSON);
}

static void write_identifier(struct json_writer *w, const char *name,
                             const struct store_identifier *identifier)
{
    json_write_begin_object(w, name);
    json_write_text(w, "type",
                    terms_identifier_type((enum identifier_type)identifier->type));
    json_write_text(w, "value", identifier->value);
    json_write_end_object(w);
}

/* One for subdomains may stand for several identifiers; it is named once. */
static bool is_listed(const struct store_order *order, size_t i)
{
    for (size_t j = 0; order->authzs[i].subdomains && j < i; j++)
        if (order->authzs[j].id == order->authzs[i].id)
            return true;
    return false;
}

static void write_auto_renewal(struct json_writer *w, const struct store_star *star)
{
    json_write_begin_object(w, "auto-renewal"); /* RFC 8739 3.1.1 */
    if (star->start != 0)
        json_write_time(w, "start-date", star->start);
    json_write_time(w, "end-date", star->end);
    json_write_number(w, "lifetime", star->lifetime);
    if (star->adjust != 0)
        json_write_number(w, "lifetime-adjust", star->adjust);
    if (star->allow_get)
        json_write_bool(w, "allow-certificate-get", true);
    json_write_end_object(w);
}

static char *star_url(struct exchange *x, const struct store_order *order)
{
    return arena_printf(
        x->arena, "%s/%s", exchange_url(x, "star-certificate", order->id),
        base64url_string(x->arena, span_make(order->star->token, STORE_STAR_TOKEN_SIZE)));
}

static void write_order(struct exchange *x, const struct store_order *order,
                        enum order_status status)
{
    struct json_writer w = json_writer_make(&x->reply.body);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "status", terms_order_status(status));
    json_write_time(&w, "expires", order->expires);
    json_write_begin_array(&w, "identifiers");
    for (size_t i = 0; i < order->identifier_count; i++)
        write_identifier(&w, NULL, &order->identifiers[i]);
    json_write_end_array(&w);
    if (order->not_before != 0)
        json_write_time(&w, "notBefore", order->not_before);
    if (order->not_after != 0)
        json_write_time(&w, "notAfter", order->not_after);
    if (order->profile[0] != '\0')
        json_write_text(&w, "profile", order->profile);
    if (order->replaces != NULL)
        json_write_text(&w, "replaces", order->replaces);
    json_write_begin_array(&w, "authorizations");
    for (size_t i = 0; i < order->authz_count; i++)
        if (!is_listed(order, i))
            json_write_text(&w, NULL, exchange_url(x, "authz", order->authzs[i].id));
    json_write_end_array(&w);
    json_write_text(&w, "finalize", exchange_url(x, "finalize", order->id));
    if (order->star != NULL)
        write_auto_renewal(&w, order->star);
    if (status == ORDER_VALID && order->star != NULL)
        json_write_text(&w, "star-certificate", star_url(x, order));
    else if (status == ORDER_VALID)
        json_write_text(&w, "certificate",
                        exchange_url(x, "certificate", order->issuance->id));
    if (order->error != NULL)
        json_write_raw(&w, "error", span_of(order->error));
    json_write_end_object(&w);
}

void render_order(struct exchange *x, int status, const struct store_order *order)
{
    enum order_status state = order_state_order(order, clock_now());

    write_order(x, order, state);
    exchange_header_add(x, "Location", exchange_url(x, "order", order->id));
    if (state == ORDER_PROCESSING)
        exchange_header_add(x, "Retry-After", RETRY_AFTER);
    exchange_reply_set(x, status, RENDER_JSON);
}

/* What went wrong so far with a challenge that is being checked (RFC 8555 8.2), and in
 * how many seconds more will be known; NULL if nothing did. */
static const char *troubles_of(struct exchange *x, const struct store_authz *authz,
                               enum challenge_type type, const char **seconds)
{
    int64_t wait = 0;

    *seconds = RETRY_AFTER;
    if (order_state_challenge(authz, type) != CHALLENGE_STATUS_PROCESSING)
        return NULL;
    const char *problem =
        order_desk_troubles(x->services->orders, x->arena, authz->id, &wait);
    if (problem != NULL)
        *seconds = arena_printf(x->arena, "%lld", (long long)wait);
    return problem;
}

/* There is no token (draft-ietf-acme-dns-persist 3.1): a record that stands there already
 * will do. */
static void write_persist(struct exchange *x, struct json_writer *w,
                          const struct store_authz *authz)
{
    const struct order_persist_account account = {x->account->id, x->account->thumbprint};

    json_write_text(w, "accounturi",
                    order_persist_uri(x->arena, x->services->settings, x->directory,
                                      &account, authz->identifier.value));
    render_issuer_names(w, x->directory);
}

static void write_challenge(struct exchange *x, struct json_writer *w,
                            const struct store_authz *authz, enum challenge_type type)
{
    bool attempted = authz->attempt_type == (int)type;
    enum challenge_status status = order_state_challenge(authz, type);
    const char *seconds = NULL;
    const char *troubles = troubles_of(x, authz, type, &seconds);

    json_write_begin_object(w, NULL);
    json_write_text(w, "type", terms_challenge_type(type));
    json_write_text(w, "url",
                    arena_printf(x->arena, "%s/%s",
                                 exchange_url(x, "challenge", authz->id),
                                 terms_challenge_type(type)));
    json_write_text(w, "status", terms_challenge_status(status));
    if (type == CHALLENGE_DNS_PERSIST_01)
        write_persist(x, w, authz);
    else
        json_write_text(w, "token", order_state_token(x->arena, authz, type));
    if (status == CHALLENGE_STATUS_VALID)
        json_write_time(w, "validated", authz->attempt_finished);
    if (attempted && authz->error != NULL)
        json_write_raw(w, "error", span_of(authz->error));
    else if (troubles != NULL)
        json_write_raw(w, "error", span_of(troubles));
    if (attempted && authz->record != NULL)
        validation_record_write(x->arena, w, authz->record);
    json_write_end_object(w);
}

bool render_has_challenge(const struct exchange *x, const struct store_authz *authz,
                          enum challenge_type type)
{
    return authz->attempt_type == (int)type ||
           ((authz->challenges == 0 ||
             (authz->challenges & 1U << (unsigned int)type) != 0) &&
            policy_external_challenge(x->account->external, type) &&
            policy_offers(x->directory, type,
                          (enum identifier_type)authz->identifier.type, authz->wildcard));
}

void render_authz(struct exchange *x, const struct store_authz *authz)
{
    struct json_writer w = json_writer_make(&x->reply.body);
    enum authz_status status = order_state_authz(authz, clock_now());

    json_write_begin_object(&w, NULL);
    write_identifier(&w, "identifier", &authz->identifier);
    json_write_text(&w, "status", terms_authz_status(status));
    json_write_time(&w, "expires", authz->expires);
    json_write_begin_array(&w, "challenges");
    for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++) {
        /* once one was decided, only that one is shown (RFC 8555 7.1.4) */
        bool shown = authz->verdict == STORE_VERDICT_NONE
                         ? render_has_challenge(x, authz, (enum challenge_type)type)
                         : authz->attempt_type == type;
        if (shown)
            write_challenge(x, &w, authz, (enum challenge_type)type);
    }
    json_write_end_array(&w);
    if (authz->wildcard)
        json_write_bool(&w, "wildcard", true);
    if (authz->subdomains)
        json_write_bool(&w, "subdomainAuthAllowed", true);
    json_write_end_object(&w);
    const char *seconds = RETRY_AFTER;
    if (authz->attempt_type >= 0)
        (void)troubles_of(x, authz, (enum challenge_type)authz->attempt_type, &seconds);
    if (status == AUTHZ_PENDING)
        exchange_header_add(x, "Retry-After", seconds);
    exchange_reply_set(x, 200, RENDER_JSON);
}

void render_challenge(struct exchange *x, const struct store_authz *authz,
                      enum challenge_type type)
{
    struct json_writer w = json_writer_make(&x->reply.body);

    write_challenge(x, &w, authz, type);
    exchange_header_add(
        x, "Link",
        arena_printf(x->arena, "<%s>;rel=\"up\"", exchange_url(x, "authz", authz->id)));
    exchange_header_add(x, "Location",
                        arena_printf(x->arena, "%s/%s",
                                     exchange_url(x, "challenge", authz->id),
                                     terms_challenge_type(type)));
    const char *seconds = NULL;
    (void)troubles_of(x, authz, type, &seconds);
    if (order_state_challenge(authz, type) == CHALLENGE_STATUS_PROCESSING)
        exchange_header_add(x, "Retry-After", seconds);
    exchange_reply_set(x, 200, RENDER_JSON);
}
