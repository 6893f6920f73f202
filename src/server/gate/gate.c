/* The guard: JWS, nonce, account. */
#include "server/gate/gate.h"

#include <string.h>

#include "core/base/text.h"
#include "core/jose/jws.h"

/* RFC 8555 6.2: application/jose+json; parameters are passed over. */
static enum err check_media_type(const struct exchange *x, struct err_info *why)
{
    const char *type = x->content_type;
    size_t len = type != NULL ? strcspn(type, "; \t") : 0;

    if (type == NULL ||
        !text_equal_ignoring_case(span_make(type, len), span_of("application/jose+json")))
        return err_set(why, ERR_MEDIA_TYPE,
                       "the Content-Type must be application/jose+json, not \"%.100s\"",
                       type != NULL ? type : "");
    return ERR_OK;
}

/* The kid is an account URL of this directory; its id is the number at the end, on any
 * origin this server has or had, so that renaming the host keeps every account. */
static enum err account_id(struct exchange *x, const char *kid, int64_t *id,
                           struct err_info *why)
{
    const char *own = exchange_url(x, "account/", 0);
    const char *path = own + strlen(x->services->settings->base);
    const char *at = strncmp(kid, "https://", 8) == 0 ? strchr(kid + 8, '/') : NULL;
    uint64_t number;

    if (at == NULL || strncmp(at, path, strlen(path)) != 0 ||
        !text_number(span_of(at + strlen(path)), INT64_MAX, &number) || number == 0)
        return err_set(
            why, ERR_ACCOUNT_DOES_NOT_EXIST,
            "the kid \"%.200s\" is not the URL of an account of this directory", kid);
    *id = (int64_t)number;
    return ERR_OK;
}

static enum err check_account(struct exchange *x, struct err_info *why)
{
    int64_t id = 0;

    if (x->jws->kid == NULL)
        return err_set(why, ERR_MALFORMED,
                       "this request must be signed with a kid, the URL of the account");
    TRY(account_id(x, x->jws->kid, &id, why));
    TRY(account_cache_get(x->services->accounts, x->session, x->arena, id, &x->account,
                          why));
    if (strcmp(x->account->directory, x->directory->name) == 0)
        return ERR_OK;
    x->account = NULL;
    return err_set(why, ERR_ACCOUNT_DOES_NOT_EXIST,
                   "account %lld belongs to another directory of this server",
                   (long long)id);
}

static enum err read_payload(struct exchange *x, struct err_info *why)
{
    x->post_as_get = x->jws->payload.len == 0;
    if (x->post_as_get)
        return ERR_OK;
    enum err result = json_read(x->arena, x->jws->payload, &x->payload, why);
    if (result != ERR_OK)
        return err_prefix(why, "the payload");
    if (!json_is_object(x->payload))
        return err_set(why, ERR_MALFORMED, "the payload must be a JSON object");
    return ERR_OK;
}

enum err gate_check(struct exchange *x, enum gate_signer signer, struct err_info *why)
{
    const struct jws_verified *verified;
    struct jws *jws;

    TRY(check_media_type(x, why));
    TRY(jws_read(x->arena, x->body, &jws, why));
    x->jws = jws;
    if (jws->nonce == NULL)
        return err_set(why, ERR_BAD_NONCE, "the protected header has no nonce");
    TRY(nonce_take(x->services->gate->nonces, x->arena, jws->nonce, why));
    if (jws->url == NULL)
        return err_set(why, ERR_MALFORMED, "the protected header has no url");
    if (strcmp(jws->url, x->url) != 0)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "the protected header says url \"%.200s\", the request went to \"%.200s\"",
            jws->url, x->url);
    if (signer == GATE_NEW_KEY && jws->jwk == NULL)
        return err_set(why, ERR_MALFORMED,
                       "this request must be signed with a jwk, not a kid");
    if (signer == GATE_ACCOUNT || (signer == GATE_EITHER && jws->jwk == NULL))
        TRY(check_account(x, why));
    TRY(jws_verify(x->arena, jws, x->account != NULL ? x->account->key : jws->jwk,
                   &verified, why));
    if (x->account == NULL)
        return read_payload(x, why);
    account_cache_verified(x->services->accounts, x->account);
    if (x->account->status != STORE_ACCOUNT_VALID)
        return err_set(why, ERR_UNAUTHORIZED, "the account is %s",
                       x->account->status == STORE_ACCOUNT_DEACTIVATED ? "deactivated"
                                                                       : "revoked");
    return read_payload(x, why);
}

enum err gate_nonce_add(struct exchange *x, struct err_info *why)
{
    char *text = arena_get(x->arena, NONCE_TEXT_SIZE);

    TRY(nonce_give(x->services->gate->nonces, text, why));
    exchange_header_add(x, "Replay-Nonce", text);
    return ERR_OK;
}
