/* Accounts (RFC 8555 7.3, 7.3.1, 7.3.2, 7.3.3). */
#include <string.h>

#include "core/base/clock.h"
#include "core/crypto/hash.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "server/audit/audit.h"
#include "server/exchange/account_cache.h"
#include "server/limit/limit_rules.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

void resource_account_show(struct exchange *x, int status,
                           const struct store_account *account)
{
    exchange_header_add(x, "Location", exchange_url(x, "account", account->id));
    resource_terms_link(x);
    render_account(x, status, account);
}

/* The account that has the key, if there is one. */
static enum err find_existing(struct exchange *x, const uint8_t *thumbprint,
                              struct store_account **account, struct err_info *why)
{
    *account = NULL;
    enum err result = store_account_by_thumbprint(
        x->session, x->arena, x->directory->name, thumbprint, account, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    if (result == ERR_OK && (*account)->status != STORE_ACCOUNT_VALID)
        return err_set(why, ERR_UNAUTHORIZED, "the account with this key is %s",
                       terms_account_status((enum account_status)(*account)->status));
    return result;
}

/* Which members were changed, not to what: contacts are nobody's business. */
static void audit_account(struct exchange *x, int64_t id, const char *what,
                          const uint8_t *thumbprint,
                          const struct store_account_change *change)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_ACCOUNT);
    json_write_number(&l.w, "account", id);
    json_write_text(&l.w, "change", what);
    if (thumbprint != NULL)
        audit_octets(&l, "thumbprint", span_make(thumbprint, JWK_THUMBPRINT_SIZE));
    if (change != NULL) {
        json_write_bool(&l.w, "contacts", change->contacts != NULL);
        json_write_bool(&l.w, "terms", change->terms != NULL);
    }
    audit_end(&l, x->session);
}

static enum err create(struct exchange *x, const uint8_t *thumbprint,
                       struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    uint8_t key_hash[HASH_SHA256_SIZE];
    const char *contacts = NULL;
    bool agreed = false;
    bool existed = false;
    struct store_account *account = NULL;
    struct limit_rules_spent spent = {0};

    TRY(policy_account_key(x->services->key_lists, x->jws->jwk, why));
    TRY(resource_key_not_blocked(x, x->jws->jwk, why));
    TRY(policy_contacts(x->arena, settings, x->payload, &contacts, why));
    TRY(json_take_bool(x->payload, "termsOfServiceAgreed", false, &agreed, why));
    if (settings->terms_of_service[0] != '\0' && !agreed)
        return resource_terms_refuse(x, "the terms of service must be agreed to", why);
    struct store_account fresh = {.directory = x->directory->name,
                                  .jwk = x->jws->jwk_text,
                                  .contacts = contacts != NULL ? contacts : "[]",
                                  .terms_agreed = agreed,
                                  .terms = settings->terms_of_service,
                                  .created = clock_now()};
    if (settings->terms_of_service[0] != '\0')
        fresh.terms_at = fresh.created;
    memcpy(fresh.thumbprint, thumbprint, STORE_THUMBPRINT_SIZE);
    hash_sha256(key_spki(x->jws->jwk), key_hash);
    fresh.key_hash = key_hash;
    TRY(resource_external_bind(x, &fresh, why));
    TRY(limit_rules_account(x->services->limits, x->arena, x->peer, &spent, why));
    store_notes_hold(x->session);
    enum err result =
        store_account_add(x->session, x->arena, &fresh, &existed, &account, why);
    if (result == ERR_OK && !existed)
        audit_account(x, account->id, "created", thumbprint, NULL);
    store_notes_release(x->session);
    if (result != ERR_OK || existed)
        limit_rules_refund(x->services->limits, &spent);
    if (result == ERR_CONFLICT) /* the external key has just ended */
        why->code = result = ERR_UNAUTHORIZED;
    TRY(result);
    resource_account_show(x, existed ? 200 : 201, account);
    return ERR_OK;
}

enum err resource_new_account(struct exchange *x, struct err_info *why)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    struct store_account *account = NULL;
    bool only_existing = false;

    if (x->payload == NULL)
        return err_set(why, ERR_MALFORMED, "newAccount needs a payload, at least {}");
    TRY(json_take_bool(x->payload, "onlyReturnExisting", false, &only_existing, why));
    jwk_thumbprint(x->jws->jwk, thumbprint);
    TRY(find_existing(x, thumbprint, &account, why));
    if (account != NULL) {
        resource_account_show(x, 200, account);
        return ERR_OK;
    }
    if (only_existing)
        return err_set(why, ERR_ACCOUNT_DOES_NOT_EXIST, "no account has this key");
    return create(x, thumbprint, why);
}

/* What the payload changes. Every other change of the status, taking agreement back,
 * orders and whatever is unknown MUST be ignored (RFC 8555 7.3.2); agreement to terms
 * that are new is taken (7.3.3). False if nothing is changed. */
static enum err read_change(struct exchange *x, struct store_account_change *change,
                            bool *changed, struct err_info *why)
{
    const char *status = NULL;
    bool agreed = false;

    TRY(policy_contacts(x->arena, x->services->settings, x->payload, &change->contacts,
                        why));
    TRY(json_take_text(x->payload, "status", &status, why));
    TRY(json_take_bool(x->payload, "termsOfServiceAgreed", false, &agreed, why));
    if (agreed && resource_terms_are_new(x)) {
        change->terms = x->services->settings->terms_of_service;
        change->terms_at = clock_now();
    }
    if (status != NULL && strcmp(status, "deactivated") == 0)
        change->status = STORE_ACCOUNT_DEACTIVATED;
    *changed = change->contacts != NULL || change->terms != NULL ||
               change->status != STORE_ACCOUNT_VALID;
    return ERR_OK;
}

static enum err update(struct exchange *x, const struct store_account_change *change,
                       struct err_info *why)
{
    store_notes_hold(x->session);
    enum err result = store_account_update(x->session, x->id, change, why);
    if (result == ERR_OK)
        audit_account(x, x->id,
                      change->status == STORE_ACCOUNT_VALID ? "changed" : "deactivated",
                      NULL, change);
    store_notes_release(x->session);
    return result;
}

enum err resource_account(struct exchange *x, struct err_info *why)
{
    struct store_account_change change = {.status = STORE_ACCOUNT_VALID};
    bool changed = false;
    struct store_account *account = NULL;

    if (x->id != x->account->id)
        return err_set(why, ERR_UNAUTHORIZED, "this is another account's URL");
    if (!x->post_as_get)
        TRY(read_change(x, &change, &changed, why));
    if (changed) {
        TRY(update(x, &change, why));
        account_cache_forget(x->services->accounts, x->id);
    }
    TRY(store_account_by_id(x->session, x->arena, x->id, &account, why));
    /* it was valid when it was changed; its end, a moment later, has an answer of its own
     */
    if (changed && change.status == STORE_ACCOUNT_VALID)
        account->status = STORE_ACCOUNT_VALID;
    resource_account_show(x, 200, account);
    return ERR_OK;
}
