/* A CA below a root says where its revocation would stand. */
#include "server/lint/lint_rule.h"

const char *rule_ca_distribution_point(const struct lint_subject *s)
{
    if (!s->question->self_signed && s->list_count == 0)
        return "there is no distribution point";
    return NULL;
}
