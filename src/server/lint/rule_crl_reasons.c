/* RFC 5280 5.3.1, Baseline Requirements 7.2.2: unspecified is left out; no holds, no
 * removals; reasons of CAs for CAs, who always have one. */
#include "server/lint/lint_crl_rule.h"

/* keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn
 */
#define OF_SUBSCRIBERS ((1U << 1) | (1U << 3) | (1U << 4) | (1U << 5) | (1U << 9))
#define CA_COMPROMISE  (1U << 2)

const char *rule_crl_reasons(const struct lint_crl_subject *s)
{
    unsigned int reasons = s->entries.reasons;

    if (!s->of_authorities)
        return (reasons & ~OF_SUBSCRIBERS) != 0
                   ? "a reason that is not for subscribers' certificates"
                   : NULL;
    if (s->entries.without_reason)
        return "the certificate of a CA is revoked without a reason";
    if ((reasons & ~(OF_SUBSCRIBERS | CA_COMPROMISE)) != 0)
        return "a reason that is not for certificates of CAs";
    return NULL;
}
