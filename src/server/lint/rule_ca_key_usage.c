/* For signing certificates and lists; digitalSignature for OCSP answers. */
#include "server/lint/lint_rule.h"

const char *rule_ca_key_usage(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_KEY_USAGE);
    uint32_t needed = LINT_CERT_SIGN | LINT_CRL_SIGN;

    if (e == NULL || !e->critical || lint_rule_is_broken(s, LINT_PART_KEY_USAGE))
        return "there is no critical key usage, or it is malformed";
    if ((s->key_usage & needed) != needed)
        return "the key usage lacks keyCertSign or cRLSign";
    if ((s->key_usage & ~(needed | LINT_DIGITAL_SIGNATURE)) != 0)
        return "the key usage has bits that a CA does not need";
    return NULL;
}
