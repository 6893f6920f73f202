/* A root is for everything, a CA below it for TLS. */
#include "server/lint/lint_rule.h"

const char *rule_ca_usages(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_EXTENDED_KEY_USAGE);

    if (s->question->self_signed)
        return e == NULL ? NULL : "a root has an extended key usage";
    if (e == NULL || e->critical || lint_rule_is_broken(s, LINT_PART_USAGES) ||
        !lint_rule_has_usage(s, OID_SERVER_AUTH))
        return "the extended key usage lacks serverAuth, or is critical";
    for (size_t i = 0; i < s->usage_count; i++)
        if (!oid_is(s->usages[i], OID_SERVER_AUTH) &&
            !oid_is(s->usages[i], OID_CLIENT_AUTH))
            return "the extended key usage has more than serverAuth and clientAuth";
    return NULL;
}
