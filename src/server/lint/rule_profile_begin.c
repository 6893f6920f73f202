/* It begins no earlier and no later than its profile can have it. */
#include "server/lint/lint_rule.h"

const char *rule_profile_begin(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;
    int64_t now = s->question->now;

    if (!profile->bounded)
        return NULL;
    if (s->not_before < now - profile->begins_back)
        return "it begins earlier than the profile can have it";
    if (s->not_before > now + profile->begins_ahead)
        return "it begins later than the profile can have it";
    return NULL;
}
