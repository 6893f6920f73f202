/* A root lives from 8 to 25 years, and begins when it is made. */
#include "server/lint/lint_rule.h"

#define DAY INT64_C(86400)

const char *rule_ca_lifetime(const struct lint_subject *s)
{
    int64_t lifetime = lint_rule_lifetime(s);
    int64_t now = s->question->now;

    if (s->question->self_signed && (lifetime < 2922 * DAY || lifetime > 9132 * DAY))
        return "a root is valid for less than 2922 or more than 9132 days";
    if (s->not_before < now - DAY || s->not_before > now)
        return "it does not begin within a day before now";
    return NULL;
}
