/* Subdomain authorization (RFC 9444): for which names, and what orders may ask. */
#include <string.h>

#include "server/policy/policy.h"

#define DNS_LABEL "_acme-challenge."

/* A wildcard counts as a name below its base. */
static bool is_below(const char *name, const char *ancestor)
{
    size_t len = strlen(name);
    size_t above = strlen(ancestor);

    return len > above + 1 && name[len - above - 1] == '.' &&
           strcmp(name + len - above, ancestor) == 0;
}

bool policy_has_subdomains(const struct settings *settings,
                           const struct settings_directory *directory)
{
    for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++)
        if (policy_offers(directory, (enum challenge_type)type, IDENTIFIER_DNS, true))
            return settings->authorization_subdomains;
    return false;
}

/* What proves them is the DNS, so the challenge's label must fit in front. */
bool policy_subdomains(const struct settings *settings,
                       const struct settings_directory *directory,
                       const struct identifier *identifier)
{
    return policy_has_subdomains(settings, directory) &&
           identifier->type == IDENTIFIER_DNS && !identifier_is_wildcard(identifier) &&
           strchr(identifier->value, '.') != NULL &&
           strlen(identifier->value) + strlen(DNS_LABEL) <= IDENTIFIER_DNS_MAX;
}

/* The ancestorDomain of one element; NULL if it has none. */
static enum err read_ancestor(struct arena *a, const struct json *element,
                              const struct identifier *identifier,
                              struct identifier *ancestor, struct err_info *why)
{
    const char *text = NULL;

    ancestor->value = NULL;
    TRY(json_take_text(element, "ancestorDomain", &text, why));
    if (text == NULL)
        return ERR_OK;
    if (identifier->type != IDENTIFIER_DNS)
        return err_set(why, ERR_MALFORMED, "only a DNS name has an ancestorDomain");
    if (identifier_read_dns(a, text, ancestor, why) != ERR_OK) {
        why->code = ERR_MALFORMED;
        return err_prefix(why, "ancestorDomain");
    }
    if (identifier_is_wildcard(ancestor) || !is_below(identifier->value, ancestor->value))
        return err_set(why, ERR_MALFORMED,
                       "the ancestorDomain \"%s\" is no domain above \"%s\"",
                       ancestor->value, identifier->value);
    return ERR_OK;
}

enum err policy_ancestors(struct arena *a, const struct policy_scope *scope,
                          const struct json *payload,
                          const struct identifier *identifiers, size_t count,
                          const char *const **ancestors, struct err_info *why)
{
    const struct json *array = json_member(payload, "identifiers");
    const char **list = NULL;

    *ancestors = NULL;
    if (!policy_has_subdomains(scope->settings, scope->directory))
        return ERR_OK;
    for (size_t i = 0; i < json_count(array); i++) {
        const struct json *element = json_element(array, i);
        struct identifier identifier;
        struct identifier ancestor;
        if (json_member(element, "ancestorDomain") == NULL)
            continue;
        TRY(policy_identifier(a, json_text(json_member(element, "type")),
                              json_text(json_member(element, "value")), &identifier,
                              why));
        TRY(read_ancestor(a, element, &identifier, &ancestor, why));
        if (ancestor.value == NULL ||
            !policy_subdomains(scope->settings, scope->directory, &ancestor) ||
            policy_public_name(scope, &ancestor, NULL) != ERR_OK)
            continue;
        if (list == NULL)
            list = arena_array(a, count, sizeof *list);
        for (size_t j = 0; j < count; j++)
            if (identifier_equal(&identifiers[j], &identifier))
                list[j] = ancestor.value;
    }
    *ancestors = list;
    return ERR_OK;
}
