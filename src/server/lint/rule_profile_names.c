/* As many names as its profile takes, of the types it takes. */
#include "core/crypto/der_read.h"
#include "core/x509/device_name.h"
#include "server/lint/lint_rule.h"

/* One of those it is for, if it is for some only. */
static bool is_listed(const struct lint_profile *profile, struct span name)
{
    for (size_t i = 0; i < profile->name_count; i++)
        if (span_is(name, profile->names[i]))
            return true;
    return profile->names == NULL;
}

/* Bit of the kind of name; 0: of none there is. */
static unsigned int type_of(const struct lint_name *name)
{
    struct device_name device;

    switch (name->tag) {
    case DER_CONTEXT(2):
        return LINT_NAMES_DNS;
    case DER_CONTEXT(6):
        return LINT_NAMES_UUID;
    case DER_CONTEXT(7):
        return LINT_NAMES_ADDRESS;
    case DER_SAN_OTHER:
        return device_name_read(name->value, &device) == DEVICE_NAME_MODULE
                   ? LINT_NAMES_MODULE
                   : LINT_NAMES_DEVICE;
    default:
        return 0;
    }
}

const char *rule_profile_names(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;

    if (s->name_count > profile->names_most)
        return "there are more names than the profile takes";
    for (size_t i = 0; i < s->name_count; i++) {
        if ((profile->name_types & type_of(&s->names[i])) == 0)
            return "the profile does not take names of that type";
        if (!is_listed(profile, s->names[i].value))
            return "the profile is not for that name";
    }
    return NULL;
}
