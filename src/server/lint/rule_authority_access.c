/* Where to ask and where the issuer is: over HTTP, each once. */
#include "server/lint/lint_rule.h"

const char *rule_authority_access(const struct lint_subject *s)
{
    const struct lint_extension *e =
        lint_rule_extension(s, OID_AUTHORITY_INFORMATION_ACCESS);

    if (e == NULL)
        return NULL;
    if (e->critical)
        return "the authority information access is critical";
    if (lint_rule_is_broken(s, LINT_PART_ACCESS) || s->access_count == 0)
        return "the authority information access is malformed";
    for (size_t i = 0; i < s->access_count; i++) {
        const struct lint_pointer *one = &s->access[i];
        if (!oid_is(one->method, OID_OCSP) && !oid_is(one->method, OID_CA_ISSUERS))
            return "a method of the authority information access is unknown";
        if (!lint_rule_is_http(&one->at))
            return "a pointer of the authority information access is no http URL";
        for (size_t j = 0; j < i; j++)
            if (span_equal(one->method, s->access[j].method) &&
                span_equal(one->at.value, s->access[j].at.value))
                return "a pointer of the authority information access is there twice";
    }
    return NULL;
}
