/* Policies: each once; a leaf says which. */
#include "server/lint/lint_rule.h"

const char *rule_certificate_policies(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_CERTIFICATE_POLICIES);

    if (e == NULL)
        return NULL;
    if (e->critical)
        return "the certificate policies are critical";
    if (lint_rule_is_broken(s, LINT_PART_POLICIES) || s->policy_count == 0)
        return "the certificate policies are malformed";
    if (s->policy_qualified)
        return "a policy has qualifiers";
    for (size_t i = 0; i < s->policy_count; i++) {
        if (s->question->kind != LINT_CA_CERTIFICATE &&
            oid_is(s->policies[i], OID_ANY_POLICY))
            return "the policy is any";
        for (size_t j = 0; j < i; j++)
            if (span_equal(s->policies[i], s->policies[j]))
                return "a policy is there twice";
    }
    return NULL;
}
