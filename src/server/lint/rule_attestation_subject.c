/* An attestation key has no subject: its TPM is named in a critical subjectAltName. */
#include "server/lint/lint_rule.h"

const char *rule_attestation_subject(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_SUBJECT_ALTERNATIVE_NAME);

    if (s->attribute_count > 0 || lint_rule_is_broken(s, LINT_PART_SUBJECT))
        return "the subject is not empty";
    if (e == NULL || !e->critical || lint_rule_is_broken(s, LINT_PART_NAMES))
        return "there is no critical subjectAltName that can be read";
    return NULL;
}
