/* No extension twice. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_extensions_unique(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->extension_count; i++)
        for (size_t j = 0; j < i; j++)
            if (span_equal(s->extensions[i].id, s->extensions[j].id))
                return "an extension is there twice";
    return NULL;
}
