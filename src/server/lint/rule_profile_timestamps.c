/* Timestamps of logs where its profile has them. */
#include "server/lint/lint_rule.h"

const char *rule_profile_timestamps(const struct lint_subject *s)
{
    if (s->question->profile->timestamps &&
        lint_rule_extension(s, OID_SIGNED_CERTIFICATE_TIMESTAMPS) == NULL)
        return "the profile has timestamps of logs";
    return NULL;
}
