/* A key that its profile takes. */
#include "server/lint/lint_rule.h"

const char *rule_profile_key(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;

    for (size_t i = 0; s->key != NULL && i < profile->key_count; i++)
        if (profile->keys[i].type == key_type(s->key) &&
            (profile->keys[i].bits == 0 || profile->keys[i].bits == key_bits(s->key)))
            return NULL;
    return "the profile does not take keys of that type or size";
}
