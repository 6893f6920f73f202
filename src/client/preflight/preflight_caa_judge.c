/* Judging CAA records. */
#include "client/preflight/preflight_caa_judge.h"

#include <string.h>
#include <strings.h>

#include "core/acme/issue_value.h"
#include "core/base/text.h"
#include "core/dns/dns_message.h"

static bool is_known(const char *tag)
{
    static const char *const tags[] = {"issue",        "issuewild",    "iodef",
                                       "contactemail", "contactphone", "issuemail",
                                       "issuevmc"};

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (strcasecmp(tag, tags[i]) == 0)
            return true;
    return false;
}

static bool has_tag(const struct dns_query_record *records, size_t count, const char *tag)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(records[i].tag, tag) == 0)
            return true;
    return false;
}

/* "http-01,dns-01" has one of ours. */
static bool allows_type(struct span methods, const struct challenge_list *types)
{
    while (methods.len > 0) {
        const uint8_t *comma = memchr(methods.data, ',', methods.len);
        size_t len = comma != NULL ? (size_t)(comma - methods.data) : methods.len;
        struct span one = text_trim(span_slice(methods, 0, len));
        for (size_t i = 0; i < types->count; i++)
            if (span_is(one, terms_challenge_type(types->types[i])))
                return true;
        methods = span_slice(methods, len + 1, methods.len);
    }
    return false;
}

/* NULL if this one lets it issue. */
static const char *judge_one(struct arena *a, const struct dns_query_record *r,
                             const struct preflight_caa_question *q)
{
    struct issue_value v;
    struct err_info ignored = {0};

    if (issue_value_read(span_of(r->text), &v, &ignored) != ERR_OK)
        return arena_printf(a, "\"%s\" cannot be read: %s", r->text, ignored.detail);
    if (v.issuer.len == 0 || !text_equal_ignoring_case(v.issuer, span_of(q->identity)))
        return arena_printf(a, "only \"%s\" may issue, and the CA is %s", r->text,
                            q->identity);
    const struct issue_parameter *account = issue_value_find(&v, "accounturi", NULL);
    if (account != NULL && q->account_url == NULL)
        return arena_printf(a, "only the account %.*s may, and there is none yet",
                            (int)account->value.len, (const char *)account->value.data);
    if (account != NULL && !span_is(account->value, q->account_url))
        return arena_printf(a, "only the account %.*s may, and ours is %s",
                            (int)account->value.len, (const char *)account->value.data,
                            q->account_url);
    const struct issue_parameter *methods =
        issue_value_find(&v, "validationmethods", NULL);
    if (methods != NULL && !allows_type(methods->value, q->types))
        return arena_printf(a, "only the challenges %.*s are allowed",
                            (int)methods->value.len, (const char *)methods->value.data);
    return NULL;
}

const char *preflight_caa_judge(struct arena *a, const struct dns_query_record *records,
                                size_t count, const struct preflight_caa_question *q)
{
    const char *tag =
        q->wildcard && has_tag(records, count, "issuewild") ? "issuewild" : "issue";
    const char *reason = NULL;

    for (size_t i = 0; i < count; i++)
        if ((records[i].flags & DNS_CAA_CRITICAL) != 0 && !is_known(records[i].tag))
            return arena_printf(a, "the property \"%s\" is critical, and no CA knows it",
                                records[i].tag);
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(records[i].tag, tag) != 0)
            continue;
        const char *one = judge_one(a, &records[i], q);
        if (one == NULL)
            return NULL;
        /* what is said of this CA is worth more than what is said of another */
        if (reason == NULL || strncmp(one, "only \"", 6) != 0)
            reason = one;
    }
    return reason;
}
