/* An empty subject: names stand in the subjectAltName only. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_subject(const struct lint_subject *s)
{
    if (s->subject.len != 2 || s->subject.data[0] != DER_SEQUENCE)
        return "the subject is not empty";
    return NULL;
}
