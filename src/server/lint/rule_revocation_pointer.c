/* Somewhere to learn of its revocation, unless it is short-lived. */
#include "server/lint/lint_rule.h"

const char *rule_revocation_pointer(const struct lint_subject *s)
{
    if (s->list_count == 0 && !lint_rule_has_ocsp(s) && !lint_rule_is_short(s))
        return "there is neither a distribution point nor an OCSP server";
    return NULL;
}
