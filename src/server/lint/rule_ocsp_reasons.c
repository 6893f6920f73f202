/* RFC 5280 5.3.1: the reasons a certificate of an end entity, or of a CA, is revoked for;
 * nothing is suspended here, and unspecified is not said. */
#include "server/lint/lint_ocsp_rule.h"

const char *rule_ocsp_reasons(const struct lint_ocsp_subject *s)
{
    const unsigned int allowed =
        1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 | 1U << 5 | 1U << 9;

    for (size_t i = 0; i < s->data->count; i++) {
        int reason = s->data->singles[i].reason;
        if (reason != OCSP_REASON_NONE && (allowed >> reason & 1U) == 0)
            return "a reason is none that certificates are revoked for here";
    }
    return NULL;
}
