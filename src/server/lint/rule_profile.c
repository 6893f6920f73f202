/* There is a profile that it was made by. */
#include "server/lint/lint_rule.h"

const char *rule_profile(const struct lint_subject *s)
{
    return s->question->profile == NULL ? "there is no such profile" : NULL;
}
