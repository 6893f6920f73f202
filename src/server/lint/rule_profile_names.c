/* As many names as its profile takes, of the types it takes. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

/* One of those it is for, if it is for some only. */
static bool is_listed(const struct lint_profile *profile, struct span name)
{
    for (size_t i = 0; i < profile->name_count; i++)
        if (span_is(name, profile->names[i]))
            return true;
    return profile->names == NULL;
}

const char *rule_profile_names(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;

    if (s->name_count > profile->names_most)
        return "there are more names than the profile takes";
    for (size_t i = 0; i < s->name_count; i++) {
        unsigned int type =
            s->names[i].tag == DER_CONTEXT(2) ? LINT_NAMES_DNS : LINT_NAMES_ADDRESS;
        if ((profile->name_types & type) == 0)
            return "the profile does not take names of that type";
        if (!is_listed(profile, s->names[i].value))
            return "the profile is not for that name";
    }
    return NULL;
}
