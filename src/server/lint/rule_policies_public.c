/* Exactly one of the policies of the CA/Browser Forum, and that of what was validated. */
#include "server/lint/lint_rule.h"

const char *rule_policies_public(const struct lint_subject *s)
{
    static const enum oid others[] = {OID_EXTENDED_VALIDATION, OID_ORGANIZATION_VALIDATED,
                                      OID_INDIVIDUAL_VALIDATED};
    bool found = false;

    for (size_t i = 0; i < s->policy_count; i++) {
        found = found || oid_is(s->policies[i], OID_DOMAIN_VALIDATED);
        for (size_t j = 0; j < sizeof others / sizeof others[0]; j++)
            if (oid_is(s->policies[i], others[j]))
                return "a policy says that more than names was validated";
    }
    return found ? NULL : "the policy of domain validation is missing";
}
