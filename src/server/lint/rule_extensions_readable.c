/* What no other rule has found: content that is not what belongs there. */
#include "server/lint/lint_rule.h"

const char *rule_extensions_readable(const struct lint_subject *s)
{
    return s->broken != 0 ? "an extension's content is not what belongs there" : NULL;
}
