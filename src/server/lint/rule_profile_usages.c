/* The extended key usage of its profile, no more and no less. */
#include "server/lint/lint_rule.h"

const char *rule_profile_usages(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;
    size_t found = 0;

    for (size_t i = 0; i < s->usage_count; i++)
        for (size_t j = 0; j < profile->usage_count; j++)
            if (span_equal(s->usages[i], profile->usages[j]))
                found++;
    if (found != s->usage_count || found != profile->usage_count)
        return "the extended key usage is not the profile's";
    return NULL;
}
