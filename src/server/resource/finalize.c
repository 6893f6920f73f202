/* Finalize: read the request, compare it with the order, have the certificate made (RFC
 * 8555 7.4). */
#include <string.h>

#include "core/acme/identifier.h"
#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/crypto/hash.h"
#include "core/x509/csr.h"
#include "server/exchange/account_cache.h"
#include "server/exchange/flight.h"
#include "server/issue/template.h"
#include "server/order/order_desk.h"
#include "server/order/order_state.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

#define LISTED_NAMES_MAX 320 /* octets of each list of names in a refusal */

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

static bool order_has(const struct store_order *order, const char *name)
{
    for (size_t i = 0; i < order->identifier_count; i++)
        if (strcmp(order->identifiers[i].value, name) == 0)
            return true;
    return false;
}

static bool request_has(const struct csr_checked *csr, const char *name)
{
    for (size_t i = 0; i < csr->dns_name_count; i++)
        if (strcmp(csr->dns_names[i], name) == 0)
            return true;
    return csr->common_name != NULL && strcmp(csr->common_name, name) == 0;
}

/* Names in a refusal: "a", "b" and 3 more. */
struct name_list {
    struct buf text;
    size_t more;
};

static void list_add(struct name_list *list, const char *name)
{
    size_t len = strnlen(name, IDENTIFIER_DNS_MAX);

    if (list->text.len > 0 && list->text.len + len > LISTED_NAMES_MAX)
        list->more++;
    else
        buf_printf(&list->text, "%s\"%.*s\"", list->text.len > 0 ? ", " : "", (int)len,
                   name);
}

static const char *list_text(struct arena *a, const struct name_list *list)
{
    struct span text = buf_span(&list->text);

    if (list->more == 0)
        return arena_string_of(a, text);
    return arena_printf(a, "%.*s and %zu more", (int)text.len, (const char *)text.data,
                        list->more);
}

static void list_free(struct name_list *list)
{
    buf_free(&list->text);
}

/* Which names the order has and the request has not, and the other way round. */
static enum err refuse_names(struct exchange *x, const struct name_list *missing,
                             const struct name_list *extra, struct err_info *why)
{
    if (extra->text.len == 0)
        return err_set(why, ERR_BAD_CSR, "the request lacks %s of the order",
                       list_text(x->arena, missing));
    if (missing->text.len == 0)
        return err_set(why, ERR_BAD_CSR, "the request has %s, which the order has not",
                       list_text(x->arena, extra));
    return err_set(
        why, ERR_BAD_CSR,
        "the request has %s, which the order has not, and lacks %s of the order",
        list_text(x->arena, extra), list_text(x->arena, missing));
}

/* RFC 8555 7.4: exactly the names of the order, a common name counted as one of them. */
static enum err compare_names(struct exchange *x, const struct csr_checked *csr,
                              const struct store_order *order, struct err_info *why)
{
    struct name_list missing = {.text = buf_make(2 * LISTED_NAMES_MAX)};
    struct name_list extra = {.text = buf_make(2 * LISTED_NAMES_MAX)};
    enum err result = ERR_OK;

    if (csr->has_other_names)
        return err_set(
            why, ERR_BAD_CSR,
            "the request has names that are no DNS names (e-mail, IP, URI or other)");
    if (csr->must_staple)
        return err_set(why, ERR_BAD_CSR,
                       "must-staple is not supported: this CA has no OCSP");
    for (size_t i = 0; i < order->identifier_count; i++)
        if (!request_has(csr, order->identifiers[i].value))
            list_add(&missing, order->identifiers[i].value);
    for (size_t i = 0; i < csr->dns_name_count; i++)
        if (!order_has(order, csr->dns_names[i]))
            list_add(&extra, csr->dns_names[i]);
    if (csr->common_name != NULL && !order_has(order, csr->common_name))
        list_add(&extra, csr->common_name);
    if (missing.text.len > 0 || extra.text.len > 0)
        result = refuse_names(x, &missing, &extra, why);
    list_free(&missing);
    list_free(&extra);
    return result;
}

/* As the order says, and else as long as allowed, within the issuer's own validity. Both
 * ends count (RFC 5280 4.1.2.5). */
static void set_validity(struct template_leaf *leaf, const struct store_order *order,
                         const struct template_issuer *issuer, int64_t lifetime)
{
    if (order->not_before != 0)
        leaf->not_before = order->not_before;
    if (leaf->not_before < issuer->not_before)
        leaf->not_before = issuer->not_before;
    leaf->not_after = leaf->not_before + lifetime - 1;
    if (leaf->not_after > issuer->not_after)
        leaf->not_after = issuer->not_after;
    if (order->not_after != 0)
        leaf->not_after = order->not_after;
}

/* The to-be-signed certificate and what is recorded of it. */
static enum err prepare(struct exchange *x, const struct csr_checked *csr,
                        const struct store_order *order, struct store_issuance *issuance,
                        struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    const struct template_issuer *issuer = x->services->issuer;
    int64_t now = clock_now();
    const char **names = arena_array(x->arena, order->identifier_count, sizeof *names);
    struct template_leaf leaf = {.not_before =
                                     now - settings->certificate_backdate / 1000,
                                 .dns_names = names,
                                 .dns_name_count = order->identifier_count,
                                 .spki = key_spki(csr->key),
                                 .key_type = key_type(csr->key)};

    for (size_t i = 0; i < order->identifier_count; i++)
        names[i] = order->identifiers[i].value;
    set_validity(&leaf, order, issuer, settings->certificate_lifetime / 1000);
    if (now < issuer->not_before)
        return err_set(why, ERR_UNAVAILABLE,
                       "the clock of this CA is wrong: its issuing certificate is not "
                       "valid yet");
    if (leaf.not_after <= now)
        return err_set(why, ERR_UNAVAILABLE, "the issuing certificate has expired");
    serial_make(now, leaf.serial);
    TRY(template_leaf_write(x->arena, issuer, &leaf, &issuance->tbs, why));
    issuance->order_id = order->id;
    issuance->account_id = order->account_id;
    memcpy(issuance->serial, leaf.serial, SERIAL_SIZE);
    issuance->serial_len = SERIAL_SIZE;
    issuance->begun = now;
    issuance->not_after = leaf.not_after;
    hash_sha256(leaf.spki, issuance->key_hash);
    hash_sha256(csr->der, issuance->csr_hash);
    return ERR_OK;
}

/* Did the order's issuance begin with this request? `digest` is the request's SHA-256. */
static bool is_same_request(const struct store_order *order, const uint8_t *digest)
{
    return order->issuance != NULL &&
           memcmp(digest, order->issuance->csr_hash, STORE_HASH_SIZE) == 0;
}

/* The hold is over, or the certificate is there: show what is so now. */
static enum err finalize_decided(struct exchange *x, struct err_info *why)
{
    struct store_order *order = NULL;

    flight_leave(order_desk_issuances(x->services->orders), x->id, x);
    TRY(resource_order_load(x, &order, why));
    if (order->issuance != NULL && !is_same_request(order, x->step_data))
        return err_set(why, ERR_ORDER_NOT_READY,
                       "the order was finalized with another request already");
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

enum err resource_finalize(struct exchange *x, struct err_info *why)
{
    const struct csr_checked *csr = NULL;
    struct store_order *order = NULL;
    struct store_issuance issuance = {0};

    TRY(resource_order_load(x, &order, why));
    enum order_status status = order_state_order(order, clock_now());
    if (status == ORDER_PENDING || status == ORDER_INVALID)
        return err_set(why, ERR_ORDER_NOT_READY, "the order is %s, not ready",
                       terms_order_status(status));
    TRY(read_request(x, &csr, why));
    uint8_t *digest = arena_get(x->arena, HASH_SHA256_SIZE);
    hash_sha256(csr->der, digest);
    x->step_data = digest;
    if (status != ORDER_READY)
        return wait_for_it(x, why);
    TRY(compare_names(x, csr, order, why));
    TRY(policy_subject_key(csr->key, x->account->key, why));
    TRY(resource_key_not_blocked(x, csr->key, ERR_BAD_CSR, why));
    TRY(prepare(x, csr, order, &issuance, why));
    enum err result = order_desk_issue(x->services->orders, x->session, &issuance, why);
    /* a conflict: somebody was quicker with this order, and it is known soon with what */
    if (result != ERR_OK && result != ERR_CONFLICT)
        return result;
    return wait_for_it(x, why);
}
