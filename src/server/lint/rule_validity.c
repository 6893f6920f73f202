/* Validity: ordered, inside the issuer's. */
#include "server/lint/lint_rule.h"

const char *rule_validity(const struct lint_subject *s)
{
    if (s->not_after < s->not_before)
        return "it ends before it begins";
    if (s->not_after > s->issuer_expected->not_after)
        return "it outlives its issuer";
    return NULL;
}
