/* Neither Ed25519 nor ML-DSA for the web (X-TLS-25). */
#include "server/lint/lint_rule.h"

const char *rule_algorithm_public(const struct lint_subject *s)
{
    enum key_signature kind;

    if (!lint_rule_algorithm(s, &kind))
        return "the signature is neither RSA's nor ECDSA's";
    switch (kind) {
    case KEY_SIGNATURE_RS256:
    case KEY_SIGNATURE_RS384:
    case KEY_SIGNATURE_RS512:
    case KEY_SIGNATURE_ECDSA_SHA256:
    case KEY_SIGNATURE_ECDSA_SHA384:
    case KEY_SIGNATURE_ECDSA_SHA512:
        return NULL;
    default:
        return "the signature is neither RSA's nor ECDSA's";
    }
}
