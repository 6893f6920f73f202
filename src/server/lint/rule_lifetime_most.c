/* Not valid for longer than allowed on the day it is issued. */
#include "server/lint/lint_rule.h"

const char *rule_lifetime_most(const struct lint_subject *s)
{
    if (lint_rule_lifetime(s) > lint_rule_lifetime_most(s))
        return "it is valid for longer than the Baseline Requirements allow";
    return NULL;
}
