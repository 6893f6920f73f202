/* Revocation (RFC 8555 7.6), asked for by the account that the certificate was issued to,
 * by any account that has proved control of all its names, or by its own key. */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/crypto/hash.h"
#include "core/jose/jws.h"
#include "core/x509/certificate.h"
#include "server/audit/audit_revocation.h"
#include "server/exchange/account_cache.h"
#include "server/policy/policy.h"
#include "server/resource/resource.h"
#include "server/store/store_reuse.h"

/* CRLReasons (RFC 5280 5.3.1) that are for a subscriber to give. */
enum reason {
    UNSPECIFIED = 0,
    KEY_COMPROMISE = 1,
    AFFILIATION_CHANGED = 3,
    SUPERSEDED = 4,
    CESSATION_OF_OPERATION = 5,
    PRIVILEGE_WITHDRAWN = 9,
};

static enum err read_reason(struct exchange *x, int *reason, struct err_info *why)
{
    static const int allowed[] = {
        UNSPECIFIED, KEY_COMPROMISE,         AFFILIATION_CHANGED,
        SUPERSEDED,  CESSATION_OF_OPERATION, PRIVILEGE_WITHDRAWN};
    int64_t number = 0;

    *reason = STORE_REASON_NONE;
    if (json_member(x->payload, "reason") == NULL)
        return ERR_OK;
    TRY(json_take_number(x->payload, "reason", 0, &number, why));
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (number == allowed[i]) {
            *reason = allowed[i];
            return ERR_OK;
        }
    }
    return err_set(why, ERR_BAD_REVOCATION_REASON,
                   "the reason %lld is not allowed; allowed are 0 (unspecified), 1 "
                   "(keyCompromise), 3 (affiliationChanged), 4 (superseded), 5 "
                   "(cessationOfOperation) and 9 (privilegeWithdrawn)",
                   (long long)number);
}

/* The certificate of the payload, octet for octet one of ours. */
static enum err find(struct exchange *x, struct certificate **certificate,
                     struct store_issuance **issuance,
                     struct store_revocation *revocation, struct err_info *why)
{
    const char *text = NULL;
    struct span der = {0};

    if (x->payload == NULL)
        return err_set(why, ERR_MALFORMED,
                       "revokeCert needs a payload with a certificate");
    TRY(json_need_text(x->payload, "certificate", &text, why));
    if (!base64url_decode_padded(x->arena, span_of(text), &der))
        return err_set(why, ERR_MALFORMED,
                       "the certificate is not base64url of DER (RFC 8555 7.6)");
    if (certificate_read(x->arena, der, certificate, why) != ERR_OK)
        return err_prefix(why, "the certificate");
    enum err result = store_certificate_by_serial(
        x->session, x->arena, (*certificate)->serial, issuance, revocation, why);
    if (result == ERR_OK && !span_equal((*issuance)->certificate, der))
        result = ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_NOT_FOUND, "this CA has not issued the certificate");
    return result;
}

static enum err has_proved_names(struct exchange *x,
                                 const struct store_issuance *issuance, bool *all,
                                 struct err_info *why)
{
    const struct store_reuse any = {
        .proved_last = INT64_MAX,
        .outlives = clock_now(),
        .types = policy_proofs(x->directory, x->account->external, NULL),
        .subdomains = x->services->settings->authorization_subdomains};
    struct store_order *order = NULL;

    enum err result =
        store_order_by_id(x->session, x->arena, issuance->order_id, &order, why);
    if (result == ERR_NOT_FOUND) { /* an order outlives its certificate: that is over */
        *all = false;
        return ERR_OK;
    }
    TRY(result);
    return store_reuse_has_proved(x->session, x->account->id, order->identifiers,
                                  order->identifier_count, &any, all, why);
}

/* RFC 8739 3.1.2: such certificates expire soon by themselves. */
static enum err refuse_star(struct exchange *x, const struct store_issuance *issuance,
                            struct err_info *why)
{
    struct store_order *order = NULL;

    enum err result =
        store_order_by_id(x->session, x->arena, issuance->order_id, &order, why);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    return order->star == NULL
               ? ERR_OK
               : err_set(why, ERR_AUTO_RENEWAL_REVOCATION_NOT_SUPPORTED,
                         "the certificate is of an auto-renewal order, and is not "
                         "revoked; cancel the order");
}

/* May the signer do this? Whoever has the key itself has shown that it is compromised,
 * whatever he says; whoever has only the names shows that the subscriber has them no
 * longer. */
static enum err authorize(struct exchange *x, const struct certificate *certificate,
                          const struct store_issuance *issuance, int *reason,
                          struct err_info *why)
{
    bool all = false;

    if (x->account == NULL) {
        if (!span_equal(key_spki(x->jws->jwk), certificate->spki))
            return err_set(why, ERR_UNAUTHORIZED,
                           "the request is not signed by the certificate's key");
        *reason = KEY_COMPROMISE;
        return ERR_OK;
    }
    if (x->account->id == issuance->account_id)
        return ERR_OK;
    TRY(has_proved_names(x, issuance, &all, why));
    if (!all)
        return err_set(why, ERR_UNAUTHORIZED,
                       "the account has neither the certificate nor valid "
                       "authorizations for all its names");
    *reason = CESSATION_OF_OPERATION;
    return ERR_OK;
}

enum err resource_key_not_blocked(struct exchange *x, const struct key *key,
                                  struct err_info *why)
{
    uint8_t digest[HASH_SHA256_SIZE];
    bool blocked = false;

    hash_sha256(key_spki(key), digest);
    TRY(store_key_is_blocked(x->session, digest, &blocked, why));
    return blocked ? err_set(why, ERR_BAD_PUBLIC_KEY,
                             "the key is blocked as compromised; make a new one")
                   : ERR_OK;
}

enum err resource_revoke(struct exchange *x, struct err_info *why)
{
    struct certificate *certificate = NULL;
    struct store_issuance *issuance = NULL;
    struct store_revocation before = {0};
    struct store_revocation now = {.at = clock_now()};
    struct audit_revocation noted = {.session = x->session,
                                     .by = x->account != NULL ? AUDIT_BY_ACCOUNT
                                                              : AUDIT_BY_KEY,
                                     .number = x->account != NULL ? x->account->id : 0};

    TRY(find(x, &certificate, &issuance, &before, why));
    TRY(read_reason(x, &now.reason, why));
    TRY(authorize(x, certificate, issuance, &now.reason, why));
    TRY(refuse_star(x, issuance, why));
    if (certificate->not_after < now.at)
        return err_set(why, ERR_UNAUTHORIZED, "the certificate has expired");
    const struct store_revoking told = audit_revocation_teller(&noted);
    enum err result = store_revoke(x->session, issuance, &now,
                                   now.reason == KEY_COMPROMISE, &told, why);
    if (result == ERR_CONFLICT)
        return err_set(why, ERR_ALREADY_REVOKED, "the certificate is revoked already");
    TRY(result);
    exchange_reply_set(x, 200, NULL);
    return ERR_OK;
}
