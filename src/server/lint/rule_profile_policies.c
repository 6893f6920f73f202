/* The certificate policies of its profile, no more and no less. */
#include "server/lint/lint_rule.h"

const char *rule_profile_policies(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;
    size_t found = 0;

    for (size_t i = 0; i < s->policy_count; i++)
        for (size_t j = 0; j < profile->policy_count; j++)
            if (span_equal(s->policies[i], profile->policies[j]))
                found++;
    if (found != s->policy_count || found != profile->policy_count)
        return "the certificate policies are not the profile's";
    return NULL;
}
