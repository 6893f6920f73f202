/* Nobody asks whether a responder was revoked. */
#include "server/lint/lint_rule.h"

const char *rule_responder_no_check(const struct lint_subject *s)
{
    static const char null[] = "\x05\x00";
    const struct lint_extension *e = lint_rule_extension(s, OID_OCSP_NO_CHECK);

    if (e == NULL || e->critical ||
        !span_equal(e->value, span_make(null, sizeof null - 1)))
        return "ocsp-nocheck is missing, critical or malformed";
    return NULL;
}
