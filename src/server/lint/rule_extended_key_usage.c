/* Said, once each, and none with which a leaf could speak for its CA. */
#include "server/lint/lint_rule.h"

const char *rule_extended_key_usage(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_EXTENDED_KEY_USAGE);

    if (e == NULL)
        return "there is no extended key usage";
    if (lint_rule_is_broken(s, LINT_PART_USAGES) || s->usage_count == 0)
        return "the extended key usage is malformed";
    if (e->critical != lint_rule_has_usage(s, OID_TIME_STAMPING))
        return "the extended key usage must be critical for time stamping, and only then";
    for (size_t i = 0; i < s->usage_count; i++)
        for (size_t j = 0; j < i; j++)
            if (span_equal(s->usages[i], s->usages[j]))
                return "an extended key usage is there twice";
    if (lint_rule_has_usage(s, OID_ANY_EXTENDED_KEY_USAGE))
        return "the extended key usage is any";
    if (lint_rule_has_usage(s, OID_OCSP_SIGNING) ||
        lint_rule_has_usage(s, OID_PRECERTIFICATE_SIGNING))
        return "the extended key usage would let it speak for its CA";
    return NULL;
}
