/* It begins about when it is signed. */
#include "server/lint/lint_rule.h"

#define NEAR (INT64_C(48) * 3600)

const char *rule_not_before(const struct lint_subject *s)
{
    int64_t now = s->question->now;

    if (s->not_before < now - NEAR || s->not_before > now + NEAR)
        return "it begins more than 48 hours from now";
    return NULL;
}
