/* DNS names and addresses, and nothing else. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_names_kinds_public(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (s->names[i].tag != DER_CONTEXT(2) && s->names[i].tag != DER_CONTEXT(7))
            return "a name is neither a DNS name nor an address";
    return NULL;
}
