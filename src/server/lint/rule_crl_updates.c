/* RFC 5280 5.1.2.4, 5.1.2.5: when it was made and when the next one is due. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_updates(const struct lint_crl_subject *s)
{
    const struct crl *crl = s->crl;

    if (!crl->has_next_update)
        return "nextUpdate is missing";
    if (crl->next_update <= crl->this_update)
        return "nextUpdate is not after thisUpdate";
    int64_t lifetime = crl->next_update - crl->this_update;
    if (!s->of_authorities && lifetime > LINT_CRL_LIFETIME_MAX)
        return "nextUpdate is more than 10 days after thisUpdate";
    if (s->of_authorities && lifetime > LINT_CRL_AUTHORITY_LIFETIME_MAX)
        return "nextUpdate is more than 12 months after thisUpdate";
    if (crl->this_update > s->now)
        return "thisUpdate is in the future";
    if (crl->next_update <= s->now)
        return "nextUpdate is over already";
    return NULL;
}
