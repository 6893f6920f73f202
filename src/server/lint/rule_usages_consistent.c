/* Key usage and extended key usage have something in common. */
#include "server/lint/lint_rule.h"

/* One of these bits is needed. */
static const struct {
    enum oid usage;
    uint32_t bits;
} needed[] = {
    {OID_SERVER_AUTH,
     LINT_DIGITAL_SIGNATURE | LINT_KEY_ENCIPHERMENT | LINT_KEY_AGREEMENT},
    {OID_CLIENT_AUTH, LINT_DIGITAL_SIGNATURE | LINT_KEY_AGREEMENT},
    {OID_CODE_SIGNING, LINT_DIGITAL_SIGNATURE},
    {OID_EMAIL_PROTECTION, LINT_DIGITAL_SIGNATURE | LINT_CONTENT_COMMITMENT |
                               LINT_KEY_ENCIPHERMENT | LINT_KEY_AGREEMENT},
    {OID_TIME_STAMPING, LINT_DIGITAL_SIGNATURE | LINT_CONTENT_COMMITMENT},
    {OID_OCSP_SIGNING, LINT_DIGITAL_SIGNATURE | LINT_CONTENT_COMMITMENT},
};

const char *rule_usages_consistent(const struct lint_subject *s)
{
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (lint_rule_has_usage(s, needed[i].usage) &&
            (s->key_usage & needed[i].bits) == 0)
            return "the key usage does not allow what the extended key usage says";
    return NULL;
}
