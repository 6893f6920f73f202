/* Where lists, OCSP and the issuer are found: exactly where its profile says. */
#include "server/lint/lint_rule.h"

static size_t of_method(const struct lint_subject *s, enum oid method, struct span *urls)
{
    size_t count = 0;

    for (size_t i = 0; i < s->access_count; i++)
        if (oid_is(s->access[i].method, method))
            urls[count++] = s->access[i].at.value;
    return count;
}

const char *rule_profile_pointers(const struct lint_subject *s)
{
    const struct lint_profile *profile = s->question->profile;
    const struct span issuer = s->issuer_expected->key_id;
    const void *context = profile->pointers_context;
    struct span urls[LINT_POINTERS_MAX];

    if (profile->pointers == NULL)
        return NULL;
    for (size_t i = 0; i < s->list_count; i++)
        urls[i] = s->lists[i].value;
    if (!profile->pointers(context, LINT_POINT_LIST, issuer, urls, s->list_count))
        return "the distribution point is not where the profile says";
    size_t count = of_method(s, OID_CA_ISSUERS, urls);
    if (!profile->pointers(context, LINT_POINT_ISSUER, issuer, urls, count))
        return "the issuer's certificate is not where the profile says";
    count = of_method(s, OID_OCSP, urls);
    if (!profile->pointers(context, LINT_POINT_OCSP, issuer, urls, count))
        return "OCSP is not where the profile says";
    return NULL;
}
