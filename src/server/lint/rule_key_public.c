/* RSA and the curves of NIST for the web, neither Ed25519 nor ML-DSA (X-TLS-25). */
#include "server/lint/lint_rule.h"

const char *rule_key_public(const struct lint_subject *s)
{
    if (s->key != NULL && key_type_is_plain(key_type(s->key)))
        return "the key is neither RSA's nor of P-256, P-384 or P-521";
    return NULL;
}
