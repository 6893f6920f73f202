/* The directory (RFC 8555 7.1.1) and new nonces (7.2). */
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/random.h"
#include "core/json/json_write.h"
#include "server/issue/issuer.h"
#include "server/order/order_persist.h"
#include "server/order/order_place.h"
#include "server/policy/policy.h"
#include "server/resource/render.h"
#include "server/resource/resource.h"

/* Name to description (draft-aaron-acme-profiles 3). */
static void write_profiles(const struct settings_directory *directory,
                           struct json_writer *w)
{
    json_write_begin_object(w, "profiles");
    for (size_t i = 0; i < directory->offered_count; i++) {
        const struct settings_profile *profile = directory->offered[i];
        json_write_text(w, profile->name,
                        profile->description[0] != '\0' ? profile->description
                                                        : profile->name);
    }
    json_write_end_object(w);
}

/* What a record of dns-persist-01 can be made of before any order (revision 02). */
static void write_persist(struct exchange *x, struct json_writer *w)
{
    const char *prefix =
        order_persist_prefix(x->arena, x->services->settings, x->directory);

    if (prefix == NULL ||
        !policy_offers(x->directory, CHALLENGE_DNS_PERSIST_01, IDENTIFIER_DNS, false))
        return;
    render_issuer_names(w, x->directory);
    json_write_text(w, "accountHashPrefix", prefix);
}

static void write_meta(struct exchange *x, const struct settings *settings,
                       const struct settings_directory *directory, struct json_writer *w)
{
    json_write_begin_object(w, "meta");
    if (settings->terms_of_service[0] != '\0')
        json_write_text(w, "termsOfService", settings->terms_of_service);
    if (settings->website[0] != '\0')
        json_write_text(w, "website", settings->website);
    if (directory->caa_identities.count > 0) {
        json_write_begin_array(w, "caaIdentities");
        for (size_t i = 0; i < directory->caa_identities.count; i++)
            json_write_text(w, NULL, directory->caa_identities.items[i]);
        json_write_end_array(w);
    }
    if (policy_has_subdomains(settings, directory))
        json_write_bool(w, "subdomainAuthAllowed", true);
    write_profiles(directory, w);
    write_persist(x, w);
    if (directory->attestation_enrollment)
        json_write_text(w, "attestationEnrollment",
                        settings_url(x->arena, settings, directory));
    if (directory->external_required)
        json_write_bool(w, "externalAccountRequired", true);
    if (settings->star_enabled) {
        json_write_begin_object(w, "auto-renewal"); /* RFC 8739 3.2 */
        json_write_number(w, "min-lifetime", settings->star_min_lifetime / 1000);
        json_write_number(w, "max-duration", settings->star_max_duration / 1000);
        if (settings->star_allow_get)
            json_write_bool(w, "allow-certificate-get", true);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

/* A member nobody knows, so that clients learn to pass over what they do not know. */
static void write_junk(struct exchange *x, struct json_writer *w)
{
    uint8_t octets[8];

    random_fill(octets, sizeof octets);
    json_write_text(w, base64url_string(x->arena, span_make(octets, sizeof octets)),
                    "unknown members are to be ignored (RFC 8555 7.1.1)");
}

enum err resource_directory(struct exchange *x, struct err_info *why)
{
    static const char *const members[][2] = {
        {"newNonce", "new-nonce"},     {"newAccount", "new-account"},
        {"newOrder", "new-order"},     {"keyChange", "key-change"},
        {"revokeCert", "revoke-cert"}, {"renewalInfo", "renewal-info"}};
    struct json_writer w = json_writer_make(&x->reply.body);

    (void)why;
    json_write_begin_object(&w, NULL);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        json_write_text(&w, members[i][0], exchange_url(x, members[i][1], 0));
    if (order_place_has_authz(x->services->settings))
        json_write_text(&w, "newAuthz", exchange_url(x, "new-authz", 0));
    write_meta(x, x->services->settings, x->directory, &w);
    write_junk(x, &w);
    json_write_end_object(&w);
    exchange_reply_set(x, 200, RENDER_JSON);
    return ERR_OK;
}

enum err resource_new_nonce(struct exchange *x, struct err_info *why)
{
    (void)why;
    exchange_reply_set(x, strcmp(x->method, "GET") == 0 ? 204 : 200, NULL);
    return ERR_OK;
}

enum err resource_root(struct exchange *x, struct err_info *why)
{
    const struct issuer *issuer = &x->services->issuers->issuers[0];

    if (x->directory != NULL)
        issuer = issuer_set_find(x->services->issuers, x->directory->issuer);
    if (issuer == NULL)
        return err_set(why, ERR_UNAVAILABLE, "this directory's issuer is not there");
    buf_add_span(&x->reply.body, issuer->root_pem);
    exchange_reply_set(x, 200, "application/x-pem-file");
    return ERR_OK;
}
