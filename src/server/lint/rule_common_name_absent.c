/* A common name is not recommended. */
#include "server/lint/lint_rule.h"

const char *rule_common_name_absent(const struct lint_subject *s)
{
    if (lint_rule_attribute(s, OID_COMMON_NAME) != NULL)
        return "there is a common name, which is not recommended";
    return NULL;
}
