/* Stapling is asked for in one way, and only where there is OCSP. */
#include "server/lint/lint_rule.h"

const char *rule_tls_feature(const struct lint_subject *s)
{
    static const char status_request[] = "\x30\x03\x02\x01\x05";
    const struct lint_extension *e = lint_rule_extension(s, OID_TLS_FEATURE);

    if (e == NULL)
        return NULL;
    if (e->critical ||
        !span_equal(e->value, span_make(status_request, sizeof status_request - 1)))
        return "the TLS feature is critical or not just status_request";
    if (!lint_rule_has_ocsp(s))
        return "it asks for stapling without an OCSP server";
    return NULL;
}
