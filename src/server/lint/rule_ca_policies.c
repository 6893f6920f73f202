/* A CA below a root has policies. */
#include "server/lint/lint_rule.h"

const char *rule_ca_policies(const struct lint_subject *s)
{
    if (!s->question->self_signed && s->policy_count == 0)
        return "there are no certificate policies";
    return NULL;
}
