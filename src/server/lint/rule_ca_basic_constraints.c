/* A CA, and it says so. */
#include "server/lint/lint_rule.h"

const char *rule_ca_basic_constraints(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_BASIC_CONSTRAINTS);

    if (e == NULL || !e->critical)
        return "there are no critical basic constraints";
    if (lint_rule_is_broken(s, LINT_PART_BASIC) || !s->is_ca)
        return "the basic constraints are malformed, or those of no CA";
    return NULL;
}
