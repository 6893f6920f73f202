/* What can be seen to be wrong without looking at the world. */
#include <string.h>

#include "client/settings/name.h"
#include "client/settings/renew_rule.h"
#include "client/settings/settings.h"
#include "client/settings/settings_account_key.h"
#include "client/settings/settings_key.h"
#include "client/settings/settings_names.h"
#include "core/acme/identifier.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/jose/jws_mac.h"
#include "core/net/address.h"

#define LIST_MAX 400 /* octets of challenge types in a sentence */

/* ---- CAs ---- */

/* One address, and nothing that would mean more in a mailto URL (RFC 8555 7.3). */
static enum err check_email(const char *option, const char *email, struct err_info *why)
{
    const char *at = strchr(email, '@');

    if (email[0] == '\0')
        return ERR_OK;
    if (at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        strpbrk(email, " ,:/?%&<>\"\t") != NULL || !text_is_utf8(span_of(email)))
        return err_set(why, ERR_CONFIG, "%s: \"%.100s\" is not one mail address", option,
                       email);
    return ERR_OK;
}

static enum err check_url(struct arena *a, const char *option, const char *text,
                          struct err_info *why)
{
    struct url url;

    if (strncmp(text, "https://", 8) != 0)
        return err_set(why, ERR_CONFIG, "%s: \"%.100s\" is no https URL", option, text);
    if (url_parse(a, span_of(text), &url, why) != ERR_OK) {
        why->code = ERR_CONFIG;
        return err_prefix(why, "%s: \"%.100s\"", option, text);
    }
    return ERR_OK;
}

static enum err check_binding(const struct settings_ca *ca, struct err_info *why)
{
    enum hash_kind ignored;

    if ((ca->eab_kid[0] == '\0') != (ca->eab_key_file[0] == '\0'))
        return err_set(why, ERR_CONFIG, "eab_kid: it and eab_key_file belong together");
    if (!jws_mac_algorithm(ca->eab_algorithm, &ignored))
        return err_set(why, ERR_CONFIG,
                       "eab_algorithm: \"%.50s\" is none of HS256, HS384, HS512",
                       ca->eab_algorithm);
    for (const char *p = ca->eab_kid; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~') /* RFC 8555 7.3.4: ASCII */
            return err_set(why, ERR_CONFIG, "eab_kid: that is no key identifier");
    return ERR_OK;
}

static enum err check_ca(struct arena *a, const struct settings_ca *ca,
                         struct err_info *why)
{
    TRY(check_url(a, "directory", ca->directory, why));
    if (ca->staging[0] != '\0')
        TRY(check_url(a, "staging", ca->staging, why));
    TRY(check_email("email", ca->email, why));
    TRY(settings_account_key_check(a, ca, why));
    return check_binding(ca, why);
}

/* ---- DNS ---- */

static enum err check_dns(const struct settings_dns *dns, struct err_info *why)
{
    static const char *const checks[] = {"auto", "authoritative", "resolver", "none"};

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (strcmp(dns->check, checks[i]) == 0)
            return ERR_OK;
    return err_set(why, ERR_CONFIG,
                   "check: \"%.50s\" is none of auto, authoritative, resolver, none",
                   dns->check);
}

/* ---- certificates ---- */

static enum err check_references(const struct settings *s,
                                 const struct settings_certificate *c,
                                 struct err_info *why)
{
    if (c->cas.count > SETTINGS_CAS_MAX)
        return err_set(why, ERR_CONFIG, "cas: more than %d", SETTINGS_CAS_MAX);
    for (size_t i = 0; i < c->cas.count; i++)
        if (settings_ca(s, c->cas.items[i]) == NULL)
            return err_set(why, ERR_CONFIG, "cas: there is no CA \"%.100s\" in cas",
                           c->cas.items[i]);
    if (c->deploy.count > SETTINGS_DEPLOYMENTS_MAX)
        return err_set(why, ERR_CONFIG, "deploy: more than %d", SETTINGS_DEPLOYMENTS_MAX);
    for (size_t i = 0; i < c->deploy.count; i++)
        if (settings_deployment(s, c->deploy.items[i]) == NULL)
            return err_set(why, ERR_CONFIG,
                           "deploy: there is no \"%.100s\" in deployments",
                           c->deploy.items[i]);
    if (c->dns.count > SETTINGS_DNS_MAX)
        return err_set(why, ERR_CONFIG, "dns: more than %d", SETTINGS_DNS_MAX);
    for (size_t i = 0; i < c->dns.count; i++) {
        const char *equals = strchr(c->dns.items[i], '=');
        const char *name = equals != NULL ? equals + 1 : c->dns.items[i];
        if (settings_dns(s, name) == NULL)
            return err_set(why, ERR_CONFIG, "dns: there is no \"%.100s\" in dns", name);
    }
    return ERR_OK;
}

static enum err check_keys(const struct settings_certificate *c, struct err_info *why)
{
    if (c->keys.count == 0 || c->keys.count > SETTINGS_KEYS_MAX)
        return err_set(why, ERR_CONFIG, "keys: 1 to %d types", SETTINGS_KEYS_MAX);
    if (c->keys.count > 1 && c->csr[0] != '\0')
        return err_set(why, ERR_CONFIG, "keys: there is one key in a request");
    if (c->next_key && c->device[0] != '\0')
        return err_set(why, ERR_CONFIG,
                       "next_key: keys in a device are not made in advance");
    if (c->reuse_key && c->next_key)
        return err_set(why, ERR_CONFIG,
                       "next_key: with reuse_key there is no other key to be made");
    for (size_t i = 0; i < c->keys.count; i++) {
        if (settings_key_check(c->keys.items[i], why) != ERR_OK)
            return err_prefix(why, "keys");
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->keys.items[i], c->keys.items[j]) == 0)
                return err_set(why, ERR_CONFIG, "keys: %s is there twice",
                               c->keys.items[i]);
    }
    return ERR_OK;
}

static bool is_way(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(words[i]);
        if (words[i][len - 1] == ':' ? strncmp(text, words[i], len) == 0 && text[len] != 0
                                     : strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* "WORD:ADDRESS:PORT" */
static bool names_place(const char *text)
{
    struct address place;

    return address_parse_with_port(span_of(strchr(text, ':') + 1), 0, &place) &&
           place.port != 0;
}

static enum err check_ways(const struct settings_certificate *c, struct err_info *why)
{
    static const char *const http[] = {
        "standalone", "stateless", "webroot:", "tokens:", "nginx",
        "apache",     "nginx:",    "apache:",  "hook:",   "uacme:"};
    static const char *const tls[] = {"splice:", "splice+proxy:", "splice+proxy-v2:"};
    struct renew_rule renew;

    if (!is_way(c->http, http, sizeof http / sizeof http[0]))
        return err_set(
            why, ERR_CONFIG,
            "http: \"%.100s\" is none of standalone, webroot:DIR, tokens:DIR, nginx, "
            "apache, hook:PROGRAM, uacme:PROGRAM, stateless",
            c->http);
    if (strcmp(c->tls, "standalone") != 0 &&
        (!is_way(c->tls, tls, sizeof tls / sizeof tls[0]) || !names_place(c->tls)))
        return err_set(why, ERR_CONFIG,
                       "tls: \"%.100s\" is neither standalone nor splice:ADDRESS:PORT",
                       c->tls);
    if (!renew_rule_read(c->renew, &renew))
        return err_set(
            why, ERR_CONFIG,
            "renew: \"%.50s\" is neither auto, never, a time such as 30d nor a "
            "part of the lifetime such as 40%%",
            c->renew);
    return ERR_OK;
}

static enum err check_device(struct arena *a, const struct settings_certificate *c,
                             struct err_info *why)
{
    if (c->attestation_ca[0] != '\0')
        TRY(check_url(a, "attestation_ca", c->attestation_ca, why));
    if (c->attestation_key[0] != '\0' && strcmp(c->attestation_key, "p256") != 0 &&
        strcmp(c->attestation_key, "rsa2048") != 0)
        return err_set(why, ERR_CONFIG,
                       "attestation_key: \"%.50s\" is neither p256 nor rsa2048",
                       c->attestation_key);
    return ERR_OK;
}

/* ---- challenges ---- */

static bool has_other_names(const struct settings_certificate *c)
{
    for (size_t i = 0; i < c->names.count; i++)
        if (!name_is_device(c->names.items[i]))
            return true;
    return false;
}

static bool has_device_names(const struct settings_certificate *c)
{
    for (size_t i = 0; i < c->names.count; i++)
        if (name_is_device(c->names.items[i]))
            return true;
    return false;
}

/* What was set up by an option of its own may be answered; http-01 if nothing was. A key
 * is attested where a name is a device's, or the device is to be asked what it is. */
static void choose_challenges(struct settings_certificate *c)
{
    struct challenge_list *list = &c->challenge_types;

    if (strcmp(c->http, "standalone") != 0 || c->http_port != 80)
        challenge_list_add(list, CHALLENGE_HTTP_01);
    if (strcmp(c->tls, "standalone") != 0 || c->tls_port != 443)
        challenge_list_add(list, CHALLENGE_TLS_ALPN_01);
    if (c->dns.count > 0)
        challenge_list_add(list, CHALLENGE_DNS_01);
    if (list->count == 0 && (c->device[0] == '\0' || has_other_names(c)))
        challenge_list_add(list, CHALLENGE_HTTP_01);
    if (c->device[0] != '\0' && (has_device_names(c) || c->names.count == 0))
        challenge_list_add(list, CHALLENGE_DEVICE_ATTEST_01);
}

static enum err read_challenges(struct settings_certificate *c, struct err_info *why)
{
    c->challenge_types = (struct challenge_list){0};
    for (size_t i = 0; i < c->challenges.count; i++)
        if (challenge_list_read(c->challenges.items[i], &c->challenge_types, why) !=
            ERR_OK) {
            why->code = ERR_CONFIG;
            return err_prefix(why, "challenges");
        }
    if (c->challenges.count == 0)
        choose_challenges(c);
    if ((challenge_list_has(&c->challenge_types, CHALLENGE_DNS_01) ||
         challenge_list_has(&c->challenge_types, CHALLENGE_DNS_ACCOUNT_01)) &&
        c->dns.count == 0)
        return err_set(why, ERR_CONFIG,
                       "challenges: dns-01 and dns-account-01 need dns, who changes the "
                       "records");
    if (challenge_list_has(&c->challenge_types, CHALLENGE_DEVICE_ATTEST_01) &&
        c->device[0] == '\0')
        return err_set(why, ERR_CONFIG, "challenges: device-attest-01 needs device");
    if (c->names.count == 0 && c->csr[0] == '\0' &&
        !challenge_list_has(&c->challenge_types, CHALLENGE_DEVICE_ATTEST_01))
        return err_set(why, ERR_CONFIG,
                       "names: there are none, and a device is asked for its own for "
                       "device-attest-01 only, which is not among challenges");
    return ERR_OK;
}

static enum err cannot_prove(const struct settings_certificate *c, const char *name,
                             const struct identifier *identifier, bool wildcard,
                             struct err_info *why)
{
    AUTO(buf) struct buf mine = buf_make(LIST_MAX);
    AUTO(buf) struct buf could = buf_make(LIST_MAX);
    struct challenge_list able = {0};

    for (int t = 0; t < CHALLENGE_TYPE_COUNT; t++)
        if (terms_answers((enum challenge_type)t, identifier->type, wildcard))
            challenge_list_add(&able, (enum challenge_type)t);
    challenge_list_write(&mine, &c->challenge_types);
    challenge_list_write(&could, &able);
    return err_set(why, ERR_CONFIG, "names: %s cannot be proved by %.*s, only by %.*s",
                   name, (int)mine.len, (const char *)mine.data, (int)could.len,
                   (const char *)could.data);
}

static enum err check_names(struct arena *a, struct settings_certificate *c,
                            struct err_info *why)
{
    if (settings_names_read(a, &c->names, why) != ERR_OK)
        return err_prefix(why, "names");
    if (c->names.count == 0 && c->device[0] == '\0' && c->csr[0] == '\0')
        return err_set(why, ERR_CONFIG, "names: there are none");
    return ERR_OK;
}

static enum err check_provable(const struct settings_certificate *c, struct err_info *why)
{
    for (size_t i = 0; i < c->names.count; i++) {
        const struct identifier name = name_identifier(c->names.items[i]);
        bool wildcard = identifier_is_wildcard(&name);
        if (terms_is_device(name.type) && c->device[0] == '\0')
            return err_set(why, ERR_CONFIG, "names: %s is a device's; say which (device)",
                           c->names.items[i]);
        if (!challenge_list_answer(&c->challenge_types, name.type, wildcard))
            return cannot_prove(c, c->names.items[i], &name, wildcard, why);
    }
    return ERR_OK;
}

static enum err check_certificate(struct arena *a, const struct settings *s,
                                  struct settings_certificate *c, struct err_info *why)
{
    TRY(check_names(a, c, why));
    TRY(check_references(s, c, why));
    TRY(check_keys(c, why));
    TRY(check_ways(c, why));
    TRY(check_device(a, c, why));
    TRY(read_challenges(c, why));
    return check_provable(c, why);
}

static enum err check_notify(const struct settings *s, struct err_info *why)
{
    struct renew_rule rule;

    if (renew_rule_read(s->notify_expiry, &rule) && rule.kind != RENEW_RULE_AUTO)
        return ERR_OK;
    return err_set(why, ERR_CONFIG,
                   "notify.expiry: \"%.50s\" is neither never, a time such as 10d nor a "
                   "part of the lifetime such as 15%%",
                   s->notify_expiry);
}

enum err settings_check(struct arena *a, struct settings *s, struct err_info *why)
{
    TRY(check_notify(s, why));
    TRY(check_email("email", s->email, why));
    if (settings_ca(s, s->ca) == NULL)
        return err_set(why, ERR_CONFIG, "ca: there is no CA \"%.100s\" in cas", s->ca);
    for (size_t i = 0; i < s->cas.count; i++) {
        const struct settings_ca *ca = s->cas.members[i];
        if (check_ca(a, ca, why) != ERR_OK)
            return err_prefix(why, "cas.%s", ca->name);
    }
    for (size_t i = 0; i < s->dns.count; i++) {
        const struct settings_dns *dns = s->dns.members[i];
        if (check_dns(dns, why) != ERR_OK)
            return err_prefix(why, "dns.%s", dns->name);
    }
    for (size_t i = 0; i < s->certificates.count; i++) {
        struct settings_certificate *c = s->certificates.members[i];
        if (check_certificate(a, s, c, why) != ERR_OK)
            return err_prefix(why, "certificates.%s", c->name);
    }
    return ERR_OK;
}
