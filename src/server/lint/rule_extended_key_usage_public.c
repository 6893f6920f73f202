/* For TLS servers, perhaps for clients too, and for nothing else. */
#include "server/lint/lint_rule.h"

const char *rule_extended_key_usage_public(const struct lint_subject *s)
{
    if (!lint_rule_has_usage(s, OID_SERVER_AUTH))
        return "the extended key usage lacks serverAuth";
    for (size_t i = 0; i < s->usage_count; i++)
        if (!oid_is(s->usages[i], OID_SERVER_AUTH) &&
            !oid_is(s->usages[i], OID_CLIENT_AUTH))
            return "the extended key usage is not serverAuth, with or without clientAuth";
    return NULL;
}
