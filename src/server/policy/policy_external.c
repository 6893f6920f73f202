/* Policy of external account keys. */
#include "server/policy/policy_external.h"

#include <string.h>

#include "core/acme/identifier_device.h"
#include "server/policy/policy.h"

/* Octet for octet, or as it begins. */
static bool lists_device(const struct config_list *list,
                         const struct identifier *identifier)
{
    for (size_t i = 0; i < list->count; i++) {
        enum identifier_type type;
        const char *wanted = identifier_device_value(list->items[i], &type);
        size_t len = strlen(wanted);
        if (type == identifier->type &&
            (len > 0 && wanted[len - 1] == '*'
                 ? strncmp(identifier->value, wanted, len - 1) == 0
                 : strcmp(identifier->value, wanted) == 0))
            return true;
    }
    return false;
}

static bool is_named(const struct external_policy *policy,
                     const struct identifier *identifier)
{
    if (policy->names.count == 0 && policy->networks.count == 0 &&
        policy->devices.count == 0)
        return true;
    if (terms_is_device(identifier->type)) /* with names alone there are no devices */
        return lists_device(&policy->devices, identifier);
    return identifier->type == IDENTIFIER_IP
               ? policy_lists_address(&policy->networks, identifier->value)
               : policy_lists_name(&policy->names, identifier->value);
}

static bool can_be_proved(const struct settings_directory *directory,
                          const struct external_policy *policy,
                          const struct identifier *identifier)
{
    for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++)
        if (policy_external_challenge(policy, (enum challenge_type)type) &&
            policy_offers(directory, (enum challenge_type)type, identifier->type,
                          identifier_is_wildcard(identifier)))
            return true;
    return false;
}

enum err policy_external_identifier(const struct settings_directory *directory,
                                    const struct external_policy *policy,
                                    const struct identifier *identifier,
                                    struct err_info *why)
{
    if (policy == NULL)
        return ERR_OK;
    if ((policy->identifier_types & 1U << (unsigned int)identifier->type) == 0)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "the external account key of this account allows no identifiers "
                       "of type \"%s\"",
                       terms_identifier_type(identifier->type));
    if (!is_named(policy, identifier))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "\"%s\" is none of those the external account key of this account "
                       "allows",
                       identifier->value);
    if (!can_be_proved(directory, policy, identifier))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "\"%s\" cannot be proved by any type of challenge that the "
                       "external account key of this account allows",
                       identifier->value);
    return ERR_OK;
}

bool policy_external_profile(const struct external_policy *policy, const char *name)
{
    return policy == NULL || policy->profiles.count == 0 ||
           external_policy_lists(&policy->profiles, name);
}

bool policy_external_challenge(const struct external_policy *policy,
                               enum challenge_type type)
{
    return policy == NULL || (policy->challenge_types & 1U << (unsigned int)type) != 0;
}

enum err policy_external_pattern(struct arena *a, const char *text, const char **pattern,
                                 struct err_info *why)
{
    struct identifier name;
    bool below = text[0] == '.' || strncmp(text, "*.", 2) == 0;
    const char *base = text + (text[0] == '.' ? 1 : below ? 2 : 0);

    if (identifier_read_dns(a, base, &name, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    if (identifier_is_wildcard(&name))
        return err_set(why, ERR_USAGE, "\"%.100s\" has more than one wildcard", text);
    *pattern = below ? arena_printf(a, ".%s", name.value) : name.value;
    return ERR_OK;
}

enum err policy_external_device(struct arena *a, const char *text, const char **pattern,
                                struct err_info *why)
{
    enum identifier_type type;
    const char *value = identifier_device_value(text, &type);
    struct identifier device;
    size_t len = strlen(value);

    if ((len == 0 || value[len - 1] != '*') &&
        identifier_read_device(a, type, span_of(value), &device, why) != ERR_OK) {
        if (why != NULL)
            why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    *pattern = arena_printf(a, "%s:%s", terms_identifier_type(type), value);
    return ERR_OK;
}
