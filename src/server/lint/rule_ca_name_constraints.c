/* Name constraints bind whoever reads them, and can be read. */
#include "core/x509/name_constraints.h"

#include "server/lint/lint_rule.h"

const char *rule_ca_name_constraints(const struct lint_subject *s)
{
    const struct lint_extension *e = lint_rule_extension(s, OID_NAME_CONSTRAINTS);
    struct name_constraints read = {0};

    if (e == NULL)
        return NULL;
    if (!e->critical)
        return "the name constraints are not critical";
    if (name_constraints_read(s->arena, e->value, &read, NULL) != ERR_OK ||
        name_constraints_is_empty(&read))
        return "the name constraints are malformed or empty";
    return NULL;
}
