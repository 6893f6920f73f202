/* Not a CA. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_basic_constraints(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_BASIC_CONSTRAINTS);

    if (e == NULL)
        return "there are no basic constraints";
    if (!e->critical)
        return "the basic constraints are not critical";
    /* cA DEFAULT FALSE, so the sequence is empty */
    if (e->value.len != 2 || e->value.data[0] != DER_SEQUENCE || e->value.data[1] != 0)
        return "the certificate would be a CA, or its basic constraints are malformed";
    return NULL;
}
