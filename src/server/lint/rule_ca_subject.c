/* A CA has a name. */
#include "server/lint/lint_rule.h"

const char *rule_ca_subject(const struct lint_subject *s)
{
    if (s->attribute_count == 0)
        return "the subject is empty";
    return NULL;
}
