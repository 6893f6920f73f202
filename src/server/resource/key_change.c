/* Another key for an account (RFC 8555 7.3.5): an inner JWS by the new key says which
 * account it is for and which key it replaces, the outer one by the old key agrees. */
#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/hash.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "server/audit/audit.h"
#include "server/exchange/account_cache.h"
#include "server/policy/policy.h"
#include "server/resource/resource.h"

/* Steps 2 to 6 and 10 of the list in 7.3.5. */
static enum err check_inner(struct exchange *x, const struct jws *inner,
                            struct err_info *why)
{
    const struct jws_verified *verified = NULL;

    if (inner->jwk == NULL)
        return err_set(why, ERR_MALFORMED,
                       "the inner JWS must have the new key as its jwk, not a kid");
    if (inner->nonce != NULL)
        return err_set(why, ERR_MALFORMED, "the inner JWS must not have a nonce");
    if (inner->url == NULL || strcmp(inner->url, x->jws->url) != 0)
        return err_set(why, ERR_MALFORMED,
                       "the inner JWS must have the url of the outer");
    enum err result = jws_verify(x->arena, inner, inner->jwk, &verified, why);
    if (result == ERR_UNAUTHORIZED)
        return err_set(why, ERR_MALFORMED, "the signature of the inner JWS is wrong");
    return result;
}

static bool is_of_account(const struct exchange *x, const uint8_t *thumbprint)
{
    return secret_equal(span_make(thumbprint, JWK_THUMBPRINT_SIZE),
                        span_make(x->account->thumbprint, JWK_THUMBPRINT_SIZE));
}

/* Steps 5, 7 and 8: what the new key says. */
static enum err check_payload(struct exchange *x, const struct jws *inner,
                              struct err_info *why)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    const struct json *payload = NULL;
    const char *account = NULL;
    struct key *old = NULL;

    if (json_read(x->arena, inner->payload, &payload, why) != ERR_OK)
        return err_prefix(why, "the payload of the inner JWS");
    if (!json_is_object(payload))
        return err_set(why, ERR_MALFORMED,
                       "the payload of the inner JWS must be a JSON object");
    TRY(json_need_text(payload, "account", &account, why));
    if (strcmp(account, x->jws->kid) != 0)
        return err_set(
            why, ERR_MALFORMED,
            "the inner JWS is for the account \"%.200s\", the outer by \"%.200s\"",
            account, x->jws->kid);
    const struct json *jwk = json_member(payload, "oldKey");
    if (jwk == NULL)
        return err_set(why, ERR_MALFORMED, "the member oldKey is missing");
    if (jwk_read(x->arena, jwk, &old, why) != ERR_OK)
        return err_set(why, ERR_MALFORMED, "oldKey is not the key of the account");
    jwk_thumbprint(old, thumbprint);
    if (!is_of_account(x, thumbprint))
        return err_set(why, ERR_MALFORMED, "oldKey is not the key of the account");
    return ERR_OK;
}

static void audit_change(struct exchange *x, const uint8_t *thumbprint)
{
    struct audit_line l;

    audit_begin(&l, AUDIT_ACCOUNT);
    json_write_number(&l.w, "account", x->account->id);
    json_write_text(&l.w, "change", "key");
    audit_octets(&l, "before", span_make(x->account->thumbprint, JWK_THUMBPRINT_SIZE));
    audit_octets(&l, "thumbprint", span_make(thumbprint, JWK_THUMBPRINT_SIZE));
    audit_end(&l, x->session);
}

/* Step 9, decided by the store: two may ask for one key at the same time. */
static enum err change(struct exchange *x, const struct jws *inner,
                       const uint8_t *thumbprint, struct err_info *why)
{
    uint8_t key_hash[HASH_SHA256_SIZE];
    int64_t holder = 0;

    hash_sha256(key_spki(inner->jwk), key_hash);
    store_notes_hold(x->session);
    enum err result =
        store_account_rekey(x->session, x->account->id, x->account->thumbprint,
                            thumbprint, inner->jwk_text, key_hash, &holder, why);
    if (result == ERR_OK)
        audit_change(x, thumbprint);
    store_notes_release(x->session);
    account_cache_forget(x->services->accounts, x->account->id);
    if (holder != 0)
        exchange_header_add(x, "Location", exchange_url(x, "account", holder));
    return result;
}

enum err resource_key_change(struct exchange *x, struct err_info *why)
{
    uint8_t thumbprint[JWK_THUMBPRINT_SIZE];
    struct store_account *account = NULL;
    struct jws *inner = NULL;

    if (x->payload == NULL)
        return err_set(why, ERR_MALFORMED, "keyChange needs a payload, a JWS");
    if (jws_read(x->arena, x->jws->payload, &inner, why) != ERR_OK)
        return err_prefix(why, "the inner JWS");
    TRY(check_inner(x, inner, why));
    TRY(check_payload(x, inner, why));
    TRY(policy_account_key(x->services->key_lists, inner->jwk, why));
    TRY(resource_key_not_blocked(x, inner->jwk, why));
    jwk_thumbprint(inner->jwk, thumbprint);
    if (is_of_account(x, thumbprint))
        return err_set(why, ERR_MALFORMED, "the new key is the old one");
    TRY(change(x, inner, thumbprint, why));
    TRY(store_account_by_id(x->session, x->arena, x->account->id, &account, why));
    resource_account_show(x, 200, account);
    return ERR_OK;
}
