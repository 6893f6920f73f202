/* Names that somebody can hold on the Internet; directories.NAME.public_names. */
#include <string.h>

#include "server/limit/limit_domain.h"
#include "server/policy/policy.h"

/* Domains set aside for other uses than a host's (RFC 6761 and what followed it). */
static const char *const special[] = {
    "alt",      "arpa",    "example", "example.com", "example.net", "example.org",
    "internal", "invalid", "local",   "localhost",   "onion",       "test"};

static const char *special_of(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        size_t size = strlen(special[i]);
        if (len >= size && strcmp(name + len - size, special[i]) == 0 &&
            (len == size || name[len - size - 1] == '.'))
            return special[i];
    }
    return NULL;
}

enum err policy_public_name(const struct policy_scope *scope,
                            const struct identifier *identifier, struct err_info *why)
{
    if (!scope->directory->public_names || identifier->type != IDENTIFIER_DNS)
        return ERR_OK;
    const char *base = identifier_base(identifier);
    const char *domain = special_of(base);
    if (domain != NULL)
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "\"%s\" lies in \"%s\", which is reserved for special use: nobody "
                       "holds such a name on the Internet",
                       identifier->value, domain);
    if (!limit_domain_is_registrable(scope->limits, base))
        return err_set(why, ERR_REJECTED_IDENTIFIER,
                       "\"%s\" is no name below a public suffix, and only those are "
                       "certified in this directory",
                       identifier->value);
    return ERR_OK;
}
