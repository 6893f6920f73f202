/* The algorithm inside is the issuer's. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_signature_algorithm(const struct lint_subject *s)
{
    if (s->signature_kind != s->issuer_expected->signature_kind)
        return "the signature algorithm is not the issuer's";
    return NULL;
}
