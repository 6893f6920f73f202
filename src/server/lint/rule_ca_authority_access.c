/* A CA below a root should say where its issuer is. */
#include "server/lint/lint_rule.h"

const char *rule_ca_authority_access(const struct lint_subject *s)
{
    if (!s->question->self_signed && s->access_count == 0)
        return "there is no authority information access";
    return NULL;
}
