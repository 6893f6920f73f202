/* RFC 5280 5.2: those that are known, each once, critical as it says there. */
#include "server/lint/lint_crl_rule.h"

const char *rule_crl_extensions(const struct lint_crl_subject *s)
{
    const struct crl *crl = s->crl;

    for (size_t i = 0; i < crl->extension_count; i++) {
        const struct crl_extension *e = &crl->extensions[i];
        bool is_point = oid_is(e->id, OID_ISSUING_DISTRIBUTION_POINT);
        if (!is_point && !oid_is(e->id, OID_CRL_NUMBER) &&
            !oid_is(e->id, OID_AUTHORITY_KEY_IDENTIFIER))
            return "there is an extension this CA does not write";
        if (e->critical != is_point)
            return "an extension is critical that must not be, or the other way round";
        for (size_t k = 0; k < i; k++)
            if (span_equal(crl->extensions[k].id, e->id))
                return "an extension is there twice";
    }
    return NULL;
}
