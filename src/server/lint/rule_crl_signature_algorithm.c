/* RFC 5280 5.1.1.2: the algorithm is that of the key that signs. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_signature_algorithm(const struct lint_crl_subject *s)
{
    if (s->crl->signature_kind != s->issuer_expected->signature_kind)
        return "the signature algorithm is not that of the issuer's key";
    return NULL;
}
