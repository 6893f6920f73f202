/* RFC 6960 4.2.1: a revocation is over when it is told. */
#include "server/lint/lint_ocsp_rule.h"

const char *rule_ocsp_revoked(const struct lint_ocsp_subject *s)
{
    for (size_t i = 0; i < s->data->count; i++)
        if (s->data->singles[i].status == OCSP_REVOKED &&
            s->data->singles[i].revoked > s->now)
            return "a revocation is in the future";
    return NULL;
}
