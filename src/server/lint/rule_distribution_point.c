/* One list with everything, over HTTP. */
#include "server/lint/lint_rule.h"

const char *rule_distribution_point(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_CRL_DISTRIBUTION_POINTS);

    if (e == NULL)
        return NULL;
    if (e->critical)
        return "the distribution point is critical";
    if (lint_rule_is_broken(s, LINT_PART_LISTS) || s->list_count == 0)
        return "the distribution point is malformed, or not just one with names";
    for (size_t i = 0; i < s->list_count; i++) {
        if (!lint_rule_is_http(&s->lists[i]))
            return "a name of the distribution point is no http URL";
        for (size_t j = 0; j < i; j++)
            if (span_equal(s->lists[i].value, s->lists[j].value))
                return "a name of the distribution point is there twice";
    }
    return NULL;
}
