/* Only extensions this CA writes on purpose into certificates of the kind. */
#include "server/lint/lint_kinds.h"
#include "server/lint/lint_rule.h"

static const struct {
    enum oid oid;
    unsigned int kinds;
} known[] = {
#define EXTENSION(oid, kinds) {OID_##oid, kinds},
#include "server/lint/lint_extensions.def"
#undef EXTENSION
};

const char *rule_extensions_known(const struct lint_subject *s)
{
    for (size_t i = 0; i < s->extension_count; i++) {
        unsigned int kinds = 0;
        for (size_t j = 0; j < sizeof known / sizeof known[0]; j++)
            if (s->extensions[i].oid == known[j].oid)
                kinds = known[j].kinds;
        if ((kinds & 1U << s->question->kind) == 0)
            return "there is an extension this CA does not write into such a certificate";
    }
    return NULL;
}
