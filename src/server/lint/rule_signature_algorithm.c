/* The algorithm inside is the issuer's. */
#include "server/lint/lint_rule.h"

const char *rule_signature_algorithm(const struct lint_subject *s)
{
    enum key_signature kind;

    if (!lint_rule_algorithm(s, &kind) || kind != s->issuer_expected->signature_kind)
        return "the signature algorithm is not the issuer's";
    return NULL;
}
