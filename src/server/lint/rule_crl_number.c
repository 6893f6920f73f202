/* RFC 5280 5.2.3: a number of at most 20 octets; that it grows is known to who signs. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_number(const struct lint_crl_subject *s)
{
    if (!s->crl->has_number)
        return "the CRL number is missing";
    if (s->crl->number.len > CRL_NUMBER_MAX ||
        (s->crl->number.len == CRL_NUMBER_MAX && s->crl->number.data[0] >= 0x80))
        return "the CRL number has more than 20 octets";
    return NULL;
}
