/* That there is no revocation is said alone. */
#include "server/lint/lint_rule.h"

const char *rule_no_revocation(const struct lint_subject *s)
{
    static const char null[] = "\x05\x00";
    const struct lint_extension *e = lint_rule_extension(s, OID_NO_REVOCATION_AVAILABLE);

    if (e == NULL)
        return NULL;
    if (e->critical || !span_equal(e->value, span_make(null, sizeof null - 1)))
        return "noRevAvail is critical or malformed";
    if (s->list_count > 0 || lint_rule_has_ocsp(s) ||
        lint_rule_extension(s, OID_CRL_DISTRIBUTION_POINTS) != NULL)
        return "noRevAvail stands beside a pointer to revocations";
    return NULL;
}
