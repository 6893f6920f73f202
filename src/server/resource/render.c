/* ACME objects as JSON. */
#include "server/resource/render.h"

#include "core/base/clock.h"
#include "core/json/json_write.h"
#include "server/order/order_state.h"

#define RETRY_AFTER                                                                      \
    "1" /* seconds: what is awaited was nearly done when the hold ended                  \
         */

/* The challenge types offered for a name. */
static const enum challenge_type offered[] = {CHALLENGE_HTTP_01};

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
    json_write_begin_array(&w, "authorizations");
    for (size_t i = 0; i < order->authz_count; i++)
        json_write_text(&w, NULL, exchange_url(x, "authz", order->authzs[i].id));
    json_write_end_array(&w);
    json_write_text(&w, "finalize", exchange_url(x, "finalize", order->id));
    if (status == ORDER_VALID)
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

static void write_challenge(struct exchange *x, struct json_writer *w,
                            const struct store_authz *authz, enum challenge_type type)
{
    bool attempted = authz->attempt_type == (int)type;
    enum challenge_status status = order_state_challenge(authz, type);

    json_write_begin_object(w, NULL);
    json_write_text(w, "type", terms_challenge_type(type));
    json_write_text(w, "url",
                    arena_printf(x->arena, "%s/%s",
                                 exchange_url(x, "challenge", authz->id),
                                 terms_challenge_type(type)));
    json_write_text(w, "status", terms_challenge_status(status));
    json_write_text(w, "token", order_state_token(x->arena, authz, type));
    if (status == CHALLENGE_STATUS_VALID)
        json_write_time(w, "validated", authz->attempt_finished);
    if (attempted && authz->error != NULL)
        json_write_raw(w, "error", span_of(authz->error));
    if (attempted && authz->record != NULL)
        json_write_raw(w, "validationRecord", span_of(authz->record));
    json_write_end_object(w);
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
    for (size_t i = 0; i < sizeof offered / sizeof offered[0]; i++) {
        /* once one was decided, only that one is shown (RFC 8555 7.1.4) */
        if (authz->verdict == STORE_VERDICT_NONE ||
            authz->attempt_type == (int)offered[i])
            write_challenge(x, &w, authz, offered[i]);
    }
    json_write_end_array(&w);
    if (authz->wildcard)
        json_write_bool(&w, "wildcard", true);
    json_write_end_object(&w);
    if (status == AUTHZ_PENDING)
        exchange_header_add(x, "Retry-After", RETRY_AFTER);
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
    if (order_state_challenge(authz, type) == CHALLENGE_STATUS_PROCESSING)
        exchange_header_add(x, "Retry-After", RETRY_AFTER);
    exchange_reply_set(x, 200, RENDER_JSON);
}
