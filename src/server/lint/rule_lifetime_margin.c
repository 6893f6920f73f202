/* A day less than the most: a second too many would be another day. */
#include "server/lint/lint_rule.h"

const char *rule_lifetime_margin(const struct lint_subject *s)
{
    if (lint_rule_lifetime(s) > lint_rule_lifetime_most(s) - 86400)
        return "it is valid for all the time that is allowed";
    return NULL;
}
