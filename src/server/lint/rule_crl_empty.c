/* RFC 5280 5.1.2.6: without entries there is no list of them. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_empty(const struct lint_crl_subject *s)
{
    if (s->crl->has_revoked && s->entries.count == 0)
        return "revokedCertificates is there though nothing is revoked";
    return NULL;
}
