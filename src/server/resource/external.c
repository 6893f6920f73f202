/* External account binding (RFC 8555 7.3.4). */
#include <string.h>

#include "core/base/buf.h"
#include "core/base/secret.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "core/jose/jws_mac.h"
#include "core/json/json_write.h"
#include "server/exchange/external_policy.h"
#include "server/resource/resource.h"

#define BINDING_MAX (64 * 1024) /* octets; a request is smaller */

/* The algorithms a problem of type badSignatureAlgorithm lists are those of the outer
 * JWS, so it would mislead here. */
static enum err read_binding(struct exchange *x, const struct json *value,
                             struct jws_mac **binding, struct err_info *why)
{
    enum err result = jws_mac_read(x->arena, value, binding, why);

    if (result == ERR_BAD_SIGNATURE_ALGORITHM)
        why->code = ERR_MALFORMED;
    return result == ERR_OK ? ERR_OK : err_prefix(why, "externalAccountBinding");
}

/* The payload is the account's key; its members may stand in another order. */
static enum err check_key(struct exchange *x, const struct jws_mac *binding,
                          const uint8_t *thumbprint, struct err_info *why)
{
    uint8_t other[JWK_THUMBPRINT_SIZE];
    const struct json *jwk = NULL;
    struct key *key = NULL;

    if (json_read(x->arena, binding->payload, &jwk, why) != ERR_OK ||
        jwk_read(x->arena, jwk, &key, why) != ERR_OK) {
        why->code = ERR_MALFORMED;
        return err_prefix(why, "the payload of externalAccountBinding");
    }
    jwk_thumbprint(key, other);
    if (!secret_equal(span_make(other, sizeof other),
                      span_make(thumbprint, sizeof other)))
        return err_set(
            why, ERR_UNAUTHORIZED,
            "the payload of externalAccountBinding is another key than the one "
            "the request is signed with");
    return ERR_OK;
}

/* Who does not know the MAC key does not learn which identifiers there are: an unknown
 * one is answered as a wrong MAC is, after the same work. */
static enum err check_mac(struct exchange *x, const struct jws_mac *binding,
                          struct store_external_key **key, struct err_info *why)
{
    static const uint8_t nobodys[64];
    struct err_info wrong = {0};
    enum err found =
        store_external_by_kid(x->session, x->arena, binding->kid, key, &wrong);

    if (found != ERR_OK && found != ERR_NOT_FOUND) {
        *why = wrong;
        return found;
    }
    struct span secret =
        found == ERR_OK ? (*key)->secret : span_make(nobodys, sizeof nobodys);
    enum err verified = jws_mac_verify(binding, secret, &wrong);
    if (found != ERR_OK || verified != ERR_OK)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "externalAccountBinding: the key identifier is unknown, or the MAC "
            "is wrong");
    return ERR_OK;
}

/* Said only to who knows the key. That it is not used up, and still not revoked, is seen
 * to where the account is made. */
static enum err check_state(struct exchange *x, const struct store_external_key *key,
                            struct err_info *why)
{
    const struct external_policy *policy = NULL;

    TRY(external_policy_read(x->arena, key->id, key->kid, key->policy, &policy, why));
    if (policy->directories.count > 0 &&
        !external_policy_lists(&policy->directories, x->directory->name))
        return err_set(
            why, ERR_UNAUTHORIZED,
            "the external account key is for another directory of this server");
    return ERR_OK;
}

/* As it was sent: a flattened JWS has these three members. */
static const char *text_of(struct exchange *x, const struct json *value)
{
    static const char *const names[] = {"protected", "payload", "signature"};
    AUTO(buf) struct buf b = buf_make(BINDING_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        json_write_span(&w, names[i], json_span(json_member(value, names[i])));
    json_write_end_object(&w);
    return arena_string_of(x->arena, buf_span(&b));
}

enum err resource_external_bind(struct exchange *x, struct store_account *account,
                                struct err_info *why)
{
    const struct json *value = json_member(x->payload, "externalAccountBinding");
    struct store_external_key *key = NULL;
    struct jws_mac *binding = NULL;

    if (!x->directory->external_verified)
        return ERR_OK;
    if (value == NULL && !x->directory->external_required)
        return ERR_OK;
    if (value == NULL)
        return err_set(why, ERR_EXTERNAL_ACCOUNT_REQUIRED,
                       "new accounts need an external account binding: ask who runs this "
                       "CA for a key identifier and a MAC key");
    TRY(read_binding(x, value, &binding, why));
    if (strcmp(binding->url, x->jws->url) != 0)
        return err_set(
            why, ERR_UNAUTHORIZED,
            "externalAccountBinding says url \"%.200s\", the request \"%.200s\"",
            binding->url, x->jws->url);
    TRY(check_mac(x, binding, &key, why));
    TRY(check_key(x, binding, account->thumbprint, why));
    TRY(check_state(x, key, why));
    account->external_key = key->id;
    account->external_binding = text_of(x, value);
    return ERR_OK;
}
