/* RFC 5280 5.1.2.3, 5.2.1: the issuer by its name and by its key. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_issuer(const struct lint_crl_subject *s)
{
    const struct lint_issuer *issuer = s->issuer_expected;

    if (!span_equal(s->crl->issuer, issuer->name))
        return "the issuer's name is not this CA's";
    if (!span_equal(s->crl->key_id, issuer->key_id))
        return "the authority key identifier is not this CA's";
    return NULL;
}
