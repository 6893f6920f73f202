/* Nothing in the subject but a common name: nothing else was validated. */
#include "server/lint/lint_rule.h"

const char *rule_subject(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->attribute_count; i++)
        if (!oid_is(s->attributes[i].type, OID_COMMON_NAME))
            return "the subject has more than a common name";
    return NULL;
}
