/* The algorithm of the signature in the very octets that are allowed. */
#include "server/lint/lint_rule.h"

const char *rule_algorithm_encoding(const struct lint_subject *s)
{
    enum key_signature ignored;

    if (!lint_rule_algorithm(s, &ignored))
        return "the signature's algorithm is none that is allowed, or written otherwise";
    return NULL;
}
