/* noRevAvail as its profile says. */
#include "server/lint/lint_rule.h"

const char *rule_profile_no_revocation(const struct lint_subject *s)
{
    bool says = lint_rule_extension(s, OID_NO_REVOCATION_AVAILABLE) != NULL;

    if (says != s->question->profile->no_revocation)
        return "noRevAvail is missing, or the profile does not have it";
    return NULL;
}
