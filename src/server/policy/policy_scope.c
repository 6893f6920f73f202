/* Policy: what a directory and its profiles allow. */
#include <string.h>

#include "core/acme/terms.h"
#include "core/base/text.h"
#include "core/net/address.h"
#include "server/exchange/account_cache.h"
#include "server/issue/issuer_choice.h"
#include "server/policy/policy.h"
#include "server/policy/policy_external.h"

/* ---- profiles ---- */

static const struct settings_profile *offered(const struct settings_directory *d,
                                              const char *name)
{
    for (size_t i = 0; i < d->offered_count; i++)
        if (strcmp(d->offered[i]->name, name) == 0)
            return d->offered[i];
    return NULL;
}

static bool is_open_to(const struct settings_profile *profile,
                       const struct account *account)
{
    uint64_t number;

    if (!policy_external_profile(account->external, profile->name))
        return false;
    if (account->external != NULL && account->external->profiles.count > 0)
        return true; /* the key names it */

    for (size_t i = 0; i < profile->accounts.count; i++)
        if (text_number(span_of(profile->accounts.items[i]), INT64_MAX, &number) &&
            (int64_t)number == account->id)
            return true;
    return !profile->restricted;
}

enum err policy_profile(const struct settings_directory *directory,
                        const struct json *payload, const struct account *account,
                        const struct settings_profile **profile, struct err_info *why)
{
    const char *asked = NULL;

    TRY(json_take_text(payload, "profile", &asked, why));
    for (size_t i = 0; asked == NULL && i < directory->offered_count; i++) {
        *profile = directory->offered[i];
        if (is_open_to(*profile, account))
            return ERR_OK;
    }
    if (asked == NULL)
        return err_set(why, ERR_UNAUTHORIZED,
                       "every profile of this directory is restricted to other accounts");
    *profile = offered(directory, asked);
    if (*profile == NULL)
        return err_set(why, ERR_INVALID_PROFILE,
                       "there is no profile \"%.100s\" here; the directory's meta lists "
                       "those there are",
                       asked);
    return policy_profile_open(*profile, account, why);
}

enum err policy_profile_again(const struct settings_directory *directory,
                              const char *name, const struct settings_profile **profile,
                              struct err_info *why)
{
    *profile = name[0] != '\0' ? offered(directory, name) : directory->offered[0];
    if (*profile == NULL)
        return err_set(why, ERR_INVALID_PROFILE,
                       "the profile \"%.100s\" is not offered any more; make a new order",
                       name);
    return ERR_OK;
}

enum err policy_profile_open(const struct settings_profile *profile,
                             const struct account *account, struct err_info *why)
{
    return is_open_to(profile, account)
               ? ERR_OK
               : err_set(why, ERR_UNAUTHORIZED,
                         "the profile \"%s\" is restricted to other accounts",
                         profile->name);
}

/* ---- identifiers ---- */

bool policy_lists_name(const struct config_list *list, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < list->count; i++) {
        const char *pattern = list->items[i];
        size_t below =
            pattern[0] == '.' && len > strlen(pattern) ? len - strlen(pattern) : 0;
        if (text_equal_ignoring_case(span_of(name + below), span_of(pattern)))
            return true;
    }
    return false;
}

static bool is_in_networks(const struct config_list *list, const struct address *address)
{
    struct address_network network;

    for (size_t i = 0; i < list->count; i++)
        if (address_network_parse(span_of(list->items[i]), &network) &&
            address_network_has(&network, address))
            return true;
    return false;
}

bool policy_lists_address(const struct config_list *list, const char *value)
{
    struct address address;

    return address_parse(span_of(value), &address) && is_in_networks(list, &address);
}

static enum err check_address(const struct policy_scope *scope,
                              const struct identifier *identifier, struct err_info *why)
{
    const struct config_list *allowed = &scope->directory->allow_addresses;
    struct address address;

    if (!identifier_address(identifier, &address))
        return err_set(why, ERR_INTERNAL, "the address was not read as one");
    /* the validator would not connect there */
    const struct config_list *reached = scope->directory->allow_networks.count > 0
                                            ? &scope->directory->allow_networks
                                            : &scope->settings->allow_networks;
    if (address_is_special(&address) && !is_in_networks(reached, &address))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "%s is %s: this CA does not connect to such addresses, and so "
                       "cannot certify them, unless validation.allow_networks names them",
                       identifier->value, address_special_name(&address));
    if (allowed->count > 0 && !is_in_networks(allowed, &address))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the address %s is outside allow_addresses of this directory",
                       identifier->value);
    return ERR_OK;
}

/* Not where only other types of challenges are switched on. */
static bool can_be_proved(const struct settings_directory *directory,
                          unsigned int challenges, const struct identifier *identifier)
{
    for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++)
        if ((challenges == 0 || (challenges & 1U << (unsigned int)type) != 0) &&
            policy_offers(directory, (enum challenge_type)type, identifier->type,
                          identifier_is_wildcard(identifier)))
            return true;
    return false;
}

unsigned int policy_proofs(const struct settings_directory *directory,
                           const struct external_policy *external,
                           const struct settings_profile *profile)
{
    return directory->challenge_types &
           (external != NULL ? external->challenge_types : ~0U) &
           (profile != NULL && profile->challenge_types != 0 ? profile->challenge_types
                                                             : ~0U);
}

/* Name constraints of the issuers (RFC 5280 4.2.1.10). */
static enum err check_issuers(const struct policy_scope *scope,
                              const struct identifier *identifier, struct err_info *why)
{
    const char *refusal = NULL;

    for (size_t i = 0; scope->issuers != NULL && i < scope->issuers->count; i++) {
        refusal = issuer_refuse(scope->issuers->list[i], identifier);
        if (refusal == NULL)
            return ERR_OK;
    }
    if (refusal == NULL)
        return ERR_OK;
    return err_set(why, ERR_REJECTED_IDENTIFIER,
                   "\"%s\" %s: the certificate of this CA's issuer has name constraints",
                   identifier->value, refusal);
}

enum err policy_identifier_allowed(const struct policy_scope *scope,
                                   const struct identifier *identifier,
                                   struct err_info *why)
{
    const struct settings_directory *directory = scope->directory;
    unsigned int bit = 1U << (unsigned int)identifier->type;

    TRY(policy_external_identifier(directory, scope->external, identifier, why));
    TRY(check_issuers(scope, identifier, why));
    if ((directory->identifier_types & bit) == 0)
        return err_set(why, ERR_UNSUPPORTED_IDENTIFIER,
                       "identifiers of type \"%s\" are not taken in this directory",
                       terms_identifier_type(identifier->type));
    if ((scope->profile->identifier_types & bit) == 0)
        return err_set(why, ERR_INVALID_PROFILE,
                       "the profile \"%s\" takes no identifiers of type \"%s\"",
                       scope->profile->name, terms_identifier_type(identifier->type));
    if (!can_be_proved(directory, 0, identifier))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "no challenge of this directory can prove \"%s\"",
                       identifier->value);
    if (!can_be_proved(directory, scope->profile->challenge_types, identifier))
        return err_set(
            why, ERR_INVALID_PROFILE,
            "no challenge of this directory that the profile \"%s\" allows can "
            "prove \"%s\"",
            scope->profile->name, identifier->value);
    if (identifier->type == IDENTIFIER_IP)
        return check_address(scope, identifier, why);
    if (terms_is_device(identifier->type))
        return ERR_OK; /* lists of names are not about them */
    if (policy_lists_name(&directory->deny_names, identifier->value))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the policy of this directory denies the name \"%s\"",
                       identifier->value);
    if (directory->allow_names.count > 0 &&
        !policy_lists_name(&directory->allow_names, identifier->value))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the name \"%s\" is none of those this directory certifies",
                       identifier->value);
    return policy_public_name(scope, identifier, why);
}
