/* What it is for, its issuer is for. */
#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

const char *rule_issuer_usages(const struct lint_subject *s)
{
    struct der_reader r = der_read_start(s->issuer_expected->usages, 1);
    bool found[LINT_USAGES_MAX] = {false};
    bool any = false;

    if (s->issuer_expected->usages.len == 0)
        return NULL;
    der_read_enter(&r, DER_SEQUENCE);
    while (der_read_more(&r)) {
        struct span usage = der_read_oid(&r);
        any = any || oid_is(usage, OID_ANY_EXTENDED_KEY_USAGE);
        for (size_t i = 0; i < s->usage_count; i++)
            found[i] = found[i] || span_equal(usage, s->usages[i]);
    }
    if (any)
        return NULL;
    if (s->usage_count == 0)
        return "its issuer is for some usages only, and it does not say which it has";
    for (size_t i = 0; i < s->usage_count; i++)
        if (!found[i])
            return "it is for something that its issuer is not for";
    return NULL;
}
