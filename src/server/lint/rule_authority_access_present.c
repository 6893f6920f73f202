/* Public certificates say where their issuer is. */
#include "server/lint/lint_rule.h"

const char *rule_authority_access_present(const struct lint_subject *s)
{
    if (s->access_count == 0)
        return "there is no authority information access";
    return NULL;
}
