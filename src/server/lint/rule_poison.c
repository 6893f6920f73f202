/* A precertificate, and nothing else, is poisoned. */
#include "server/lint/lint_rule.h"

const char *rule_poison(const struct lint_subject *s)
{
    static const char null[] = "\x05\x00";
    const struct lint_extension *e = lint_rule_extension(s, OID_PRECERTIFICATE_POISON);

    if ((e != NULL) != (s->question->kind == LINT_PRECERTIFICATE))
        return "the poison is missing in a precertificate, or stands in a certificate";
    if (e != NULL &&
        (!e->critical || !span_equal(e->value, span_make(null, sizeof null - 1))))
        return "the poison is malformed or not critical";
    return NULL;
}
