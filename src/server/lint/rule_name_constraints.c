/* Names and subject within the name constraints of all CAs above it. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

static const char *refuse(const struct name_constraints *constraints,
                          const struct lint_subject *s)
{
    const char *refusal = name_constraints_refuse_subject(constraints, s->subject);

    for (size_t i = 0; i < s->name_count && refusal == NULL; i++) {
        const struct lint_name *name = &s->names[i];
        if (name->tag == DER_CONTEXT(2))
            refusal = name_constraints_refuse_dns(constraints, name->value);
        else if (name->tag == DER_CONTEXT(7))
            refusal = name_constraints_refuse_address(constraints, name->value);
        else if (constraints->has_others)
            refusal = "is of a kind that cannot be judged";
    }
    return refusal;
}

const char *rule_name_constraints(const struct lint_subject *s)
{
    const struct lint_issuer *issuer = s->issuer_expected;

    for (size_t i = 0; i < issuer->constraint_count; i++)
        if (refuse(&issuer->constraints[i], s) != NULL)
            return "a name is outside the name constraints of its issuers";
    return NULL;
}
