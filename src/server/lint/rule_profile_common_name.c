/* A common name only where its profile has them. */
#include "server/lint/lint_rule.h"

const char *rule_profile_common_name(const struct lint_subject *s)
{
    if (!s->question->profile->common_name && s->attribute_count > 0)
        return "the profile has no common names";
    return NULL;
}
