/* Bits of the key usage that its profile has. */
#include "server/lint/lint_rule.h"

const char *rule_profile_key_usage(const struct lint_subject *s)
{
    if ((s->key_usage & ~s->question->profile->key_usage) != 0)
        return "the key usage has bits that the profile has not";
    return NULL;
}
