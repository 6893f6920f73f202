/* RFC 5280 5.2.5, Baseline Requirements 7.2.2.1: a part says which one it is, by URLs
 * that are in the certificates; no indirect lists, and none of some reasons. */
#include "server/lint/lint_crl_rule.h"

static bool is_http(struct span url)
{
    static const char scheme[] = "http://";

    return url.len > sizeof scheme - 1 &&
           span_is(span_slice(url, 0, sizeof scheme - 1), scheme);
}

const char *rule_crl_point(const struct lint_crl_subject *s)
{
    const struct crl *crl = s->crl;

    if (!crl->has_point)
        return NULL;
    if (crl->indirect)
        return "an indirect list";
    if (crl->only_some_reasons || crl->only_attribute_certificates)
        return "a list of some reasons, or of attribute certificates";
    if (crl->only_user_certificates && crl->only_ca_certificates)
        return "a list of nothing";
    if (crl->url_count == 0)
        return "a part without a URL";
    for (size_t i = 0; i < crl->url_count; i++)
        if (!is_http(crl->urls[i]))
            return "a URL that is not http";
    return NULL;
}
