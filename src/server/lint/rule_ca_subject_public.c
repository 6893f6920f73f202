/* Country, organization and common name, and no unit. */
#include "server/lint/lint_rule.h"

const char *rule_ca_subject_public(const struct lint_subject *s)
{
    if (lint_rule_attribute(s, OID_COUNTRY) == NULL ||
        lint_rule_attribute(s, OID_ORGANIZATION) == NULL ||
        lint_rule_attribute(s, OID_COMMON_NAME) == NULL)
        return "the subject lacks country, organization or common name";
    if (lint_rule_attribute(s, OID_ORGANIZATIONAL_UNIT) != NULL)
        return "the subject has an organizational unit";
    return NULL;
}
