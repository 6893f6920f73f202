/* Not valid for longer than its profile says. */
#include "server/lint/lint_rule.h"

const char *rule_profile_lifetime(const struct lint_subject *s)
{
    if (lint_rule_lifetime(s) > s->question->profile->lifetime)
        return "it is valid for longer than allowed";
    return NULL;
}
