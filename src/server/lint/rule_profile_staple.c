/* Stapling is asked for as its profile says. */
#include "server/lint/lint_rule.h"

const char *rule_profile_staple(const struct lint_subject *s)
{
    bool asks = lint_rule_extension(s, OID_TLS_FEATURE) != NULL;
    enum lint_staple staple = s->question->profile->staple;

    if (asks && staple == LINT_STAPLE_NEVER)
        return "the profile does not ask for stapling";
    if (!asks && staple == LINT_STAPLE_ALWAYS)
        return "the profile asks for stapling";
    return NULL;
}
