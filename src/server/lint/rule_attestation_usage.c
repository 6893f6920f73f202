/* For attestations, and nothing else. */
#include "server/lint/lint_rule.h"

const char *rule_attestation_usage(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_EXTENDED_KEY_USAGE);

    if (e == NULL || e->critical || lint_rule_is_broken(s, LINT_PART_USAGES) ||
        s->usage_count != 1 || !lint_rule_has_usage(s, OID_AK_CERTIFICATE))
        return "the extended key usage is not tcg-kp-AIKCertificate alone";
    if (s->key_usage != LINT_DIGITAL_SIGNATURE)
        return "the key usage is not digitalSignature alone";
    return NULL;
}
