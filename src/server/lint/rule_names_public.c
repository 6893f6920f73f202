/* Names that can be registered, and no public suffix. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "server/limit/limit_domain.h"
#include "server/lint/lint_rule.h"

const char *rule_names_public(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].tag != DER_CONTEXT(2))
            continue;
        const char *name = arena_string_of(s->arena, s->names[i].value);
        if (strncmp(name, "*.", 2) == 0)
            name += 2;
        if (!limit_domain_is_registrable(NULL, name))
            return "a name is internal, or a public suffix itself";
        size_t len = strlen(name);
        if ((len >= 13 && strcmp(name + len - 13, ".in-addr.arpa") == 0) ||
            (len >= 9 && strcmp(name + len - 9, ".ip6.arpa") == 0))
            return "a name stands for an address";
    }
    return NULL;
}
