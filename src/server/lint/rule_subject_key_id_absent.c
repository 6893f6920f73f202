/* The identifier of a subscriber's key is not recommended. */
#include "server/lint/lint_rule.h"

const char *rule_subject_key_id_absent(const struct lint_subject *s)
{
    if (lint_rule_extension(s, OID_SUBJECT_KEY_IDENTIFIER) != NULL)
        return "there is a subject key identifier, which is not recommended";
    return NULL;
}
