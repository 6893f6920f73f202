/* Key usage of TLS servers. */
#include "server/lint/lint_rule.h"

const char *rule_key_usage_public(const struct lint_subject *s)
{
    bool rsa = s->key != NULL && key_type(s->key) == KEY_RSA;
    uint32_t allowed =
        LINT_DIGITAL_SIGNATURE | (rsa ? LINT_KEY_ENCIPHERMENT : LINT_KEY_AGREEMENT);

    if ((s->key_usage & ~allowed) != 0)
        return "the key usage has bits that TLS servers do not need";
    if (!rsa && (s->key_usage & LINT_DIGITAL_SIGNATURE) == 0)
        return "the key usage lacks digitalSignature";
    return NULL;
}
