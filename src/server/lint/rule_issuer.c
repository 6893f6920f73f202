/* The issuer's name, octet by octet. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_issuer(const struct lint_subject *s)
{
    if (!span_equal(s->issuer, s->issuer_expected->name))
        return "the issuer is not the subject of the issuing certificate";
    return NULL;
}
