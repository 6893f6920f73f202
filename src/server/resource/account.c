/* Accounts (RFC 8555 7.3, 7.3.1, 7.3.2, 7.3.3). */
#include <string.h>

#include "core/base/clock.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "server/exchange/account_cache.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

static void add_terms_link(struct exchange *x)
{
    const char *terms = x->services->settings->terms_of_service;

    if (terms[0] != '\0')
        exchange_header_add(
            x, "Link", arena_printf(x->arena, "<%s>;rel=\"terms-of-service\"", terms));
}

void resource_account_show(struct exchange *x, int status,
                           const struct store_account *account)
{
    exchange_header_add(x, "Location", exchange_url(x, "account", account->id));
    add_terms_link(x);
    render_account(x, status, account);
}

/* The account that has the key, if there is one. */
static enum err find_existing(struct exchange *x, const uint8_t *thumbprint,
                              struct store_account **account, struct err_info *why)
{
    *account = NULL;
    enum err result =
        store_account_by_thumbprint(x->session, x->arena, thumbprint, account, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    if (result == ERR_OK && (*account)->status != STORE_ACCOUNT_VALID)
        return err_set(why, ERR_UNAUTHORIZED, "the account with this key is deactivated");
    return result;
}

static enum err create(struct exchange *x, const uint8_t *thumbprint,
                       struct err_info *why)
{
    const struct settings *settings = x->services->settings;
    const char *contacts = NULL;
    bool agreed = false;
    bool existed = false;
    struct store_account *account = NULL;

    TRY(policy_account_key(x->jws->jwk, why));
    TRY(resource_key_not_blocked(x, x->jws->jwk, ERR_BAD_PUBLIC_KEY, why));
    TRY(policy_contacts(x->arena, settings, x->payload, &contacts, why));
    TRY(json_take_bool(x->payload, "termsOfServiceAgreed", false, &agreed, why));
    if (settings->terms_of_service[0] != '\0' && !agreed) {
        add_terms_link(x);
        return err_set(why, ERR_USER_ACTION_REQUIRED,
                       "the terms of service must be agreed to: %s",
                       settings->terms_of_service);
    }
    struct store_account fresh = {.jwk = x->jws->jwk_text,
                                  .contacts = contacts != NULL ? contacts : "[]",
                                  .terms_agreed = agreed,
                                  .created = clock_now()};
    memcpy(fresh.thumbprint, thumbprint, STORE_THUMBPRINT_SIZE);
    TRY(store_account_add(x->session, x->arena, &fresh, &existed, &account, why));
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

enum err resource_account(struct exchange *x, struct err_info *why)
{
    const char *contacts = NULL;
    const char *status = NULL;
    struct store_account *account = NULL;

    if (x->id != x->account->id)
        return err_set(why, ERR_UNAUTHORIZED, "this is another account's URL");
    if (!x->post_as_get) {
        TRY(policy_contacts(x->arena, x->services->settings, x->payload, &contacts, why));
        TRY(json_take_text(x->payload, "status", &status, why));
    }
    /* every other change of the status, of termsOfServiceAgreed, of orders MUST be
     * ignored (RFC 8555 7.3.2) */
    bool deactivate = status != NULL && strcmp(status, "deactivated") == 0;
    TRY(store_account_by_id(x->session, x->arena, x->id, &account, why));
    if (contacts != NULL || deactivate) {
        TRY(store_account_update(
            x->session, x->id, contacts, false,
            deactivate ? STORE_ACCOUNT_DEACTIVATED : STORE_ACCOUNT_VALID, why));
        account_cache_forget(x->services->accounts, x->id);
        if (contacts != NULL)
            account->contacts = contacts;
        if (deactivate)
            account->status = STORE_ACCOUNT_DEACTIVATED;
    }
    resource_account_show(x, 200, account);
    return ERR_OK;
}
