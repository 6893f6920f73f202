/* Only extensions this CA writes on purpose. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_extensions_known(const struct lint_subject *s)
{
    static const enum oid known[] = {
        OID_SUBJECT_KEY_IDENTIFIER,   OID_KEY_USAGE,
        OID_SUBJECT_ALTERNATIVE_NAME, OID_BASIC_CONSTRAINTS,
        OID_CERTIFICATE_POLICIES,     OID_AUTHORITY_KEY_IDENTIFIER,
        OID_EXTENDED_KEY_USAGE};

    for (size_t i = 0; i < s->extension_count; i++) {
        bool found = false;
        for (size_t j = 0; j < sizeof known / sizeof known[0]; j++)
            found = found || oid_is(s->extensions[i].id, known[j]);
        if (!found)
            return "there is an extension this CA does not write";
    }
    return NULL;
}
