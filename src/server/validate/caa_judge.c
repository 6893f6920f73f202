/* Who may issue: the properties issue and issuewild with their parameters. */
#include "server/validate/caa_judge.h"

#include <string.h>

#include "core/acme/issue_value.h"
#include "core/base/text.h"
#include "server/validate/validate_private.h"

#define TAG_SHOWN     20 /* octets in a sentence */
#define VALUE_SHOWN   160
#define RECORDS_SHOWN 3
#define REASON_SHOWN  120

/* How near a record came; what is behind says more about what is wrong. */
enum fit { OTHER_CA, UNREADABLE, OTHER_ACCOUNT, OTHER_METHOD, FITS };

static bool tag_is(const struct dns_caa *record, const char *tag)
{
    return text_equal_ignoring_case(record->tag, span_of(tag));
}

/* Those of the IANA registry that say nothing about certificates of this kind are
 * understood by passing them over (RFC 8659 4.4, RFC 9495, Baseline Requirements A.1). */
static bool is_known(const struct dns_caa *record)
{
    static const char *const tags[] = {"issue",       "issuewild", "iodef",
                                       "issuemail",   "issuevmc",  "contactemail",
                                       "contactphone"};

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (tag_is(record, tags[i]))
            return true;
    return false;
}

/* Is it one of the words with spaces between? */
static bool is_ours(struct span issuer, const char *issuers)
{
    struct span rest = span_of(issuers);

    while (issuer.len > 0 && rest.len > 0) {
        size_t len = 0;
        while (len < rest.len && rest.data[len] != ' ')
            len++;
        if (text_equal_ignoring_case(issuer, span_slice(rest, 0, len)))
            return true;
        rest = span_slice(rest, len + 1, rest.len);
    }
    return false;
}

/* value = [*(label ",") label], label = 1*(ALPHA / DIGIT / "-") (RFC 8657 4). */
static bool lists_method(struct span list, const char *method)
{
    bool found = false;

    if (list.len == 0)
        return false;
    for (;;) {
        size_t len = 0;
        while (len < list.len && list.data[len] != ',') {
            uint8_t c = list.data[len++];
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-'))
                return false;
        }
        if (len == 0)
            return false;
        found = found || span_is(span_slice(list, 0, len), method);
        if (len == list.len)
            return found;
        list = span_slice(list, len + 1, list.len);
    }
}

/* The only parameter of that name; `*found` is NULL if there is none. More than one, and
 * the property allows nothing (RFC 8657 3). */
static bool only(const struct issue_value *value, const char *tag,
                 const struct issue_parameter **found)
{
    *found = issue_value_find(value, tag, NULL);
    return *found == NULL || issue_value_find(value, tag, *found) == NULL;
}

static enum fit judge_one(const struct dns_caa *record, const struct caa_judge_wish *wish,
                          struct err_info *why)
{
    struct issue_value value;
    const struct issue_parameter *account;
    const struct issue_parameter *methods;

    if (!is_ours(issue_value_issuer(record->value), wish->issuers))
        return OTHER_CA;
    if (issue_value_read(record->value, &value, why) != ERR_OK)
        return UNREADABLE;
    if (!only(&value, "accounturi", &account) ||
        !only(&value, "validationmethods", &methods)) {
        (void)err_set(why, ERR_CAA, "a parameter stands in it twice");
        return UNREADABLE;
    }
    if (account != NULL && !span_is(account->value, wish->account_uri))
        return OTHER_ACCOUNT;
    if (methods != NULL && !lists_method(methods->value, wish->method))
        return OTHER_METHOD;
    return FITS;
}

const char *caa_judge_shown(struct arena *a, const struct dns_caa *record)
{
    return arena_printf(a, "%u %s \"%s\"", record->flags,
                        validate_text_shown(a, record->tag, TAG_SHOWN),
                        validate_text_shown(a, record->value, VALUE_SHOWN));
}

/* The record that came nearest, or all of those that were looked at. */
static const char *list(struct arena *a, const struct dns_caa *const *looked_at,
                        size_t count)
{
    const char *text = "";

    for (size_t i = 0; i < count && i < RECORDS_SHOWN; i++)
        text = arena_printf(a, "%s%s%s", text, i > 0 ? ", " : "",
                            caa_judge_shown(a, looked_at[i]));
    if (count > RECORDS_SHOWN)
        text = arena_printf(a, "%s and %zu more", text, count - RECORDS_SHOWN);
    return text;
}

/* Our first name, as it is written into a record. */
static const char *our_name(struct arena *a, const struct caa_judge_wish *wish)
{
    return arena_string_of(a, span_make(wish->issuers, strcspn(wish->issuers, " ")));
}

/* No record names this CA. */
static enum err refuse_others(struct arena *a, const struct dns_caa *const *looked_at,
                              size_t count, const char *at,
                              const struct caa_judge_wish *wish, struct err_info *why)
{
    return err_set(
        why, ERR_CAA,
        "the CAA record%s of %s (%s) do%s not let this CA issue for %s%s; it "
        "is called %s: add %s. CAA 0 %s \"%s\"",
        count > 1 ? "s" : "", at, list(a, looked_at, count), count > 1 ? "" : "es",
        wish->wildcard ? "*." : "", wish->name, wish->issuers, at,
        tag_is(looked_at[0], "issuewild") ? "issuewild" : "issue", our_name(a, wish));
}

/* A record names this CA, but more than that. */
static enum err refuse_ours(struct arena *a, const struct dns_caa *record, enum fit fit,
                            const char *reason, const char *at,
                            const struct caa_judge_wish *wish, struct err_info *why)
{
    const char *shown = caa_judge_shown(a, record);
    const char *star = wish->wildcard ? "*." : "";

    if (fit == OTHER_ACCOUNT)
        return err_set(why, ERR_CAA,
                       "the CAA record %s of %s allows %s%s to another account "
                       "(accounturi); this one is %s",
                       shown, at, star, wish->name, wish->account_uri);
    if (fit == OTHER_METHOD)
        return err_set(why, ERR_CAA,
                       "the CAA record %s of %s does not allow %s%s to be proved by %s "
                       "(validationmethods)",
                       shown, at, star, wish->name,
                       wish->method[0] != '\0' ? wish->method
                                               : "what is not known any more");
    return err_set(why, ERR_CAA,
                   "the CAA record %s of %s names this CA, but cannot be read and so "
                   "allows nothing for %s%s: %.*s",
                   shown, at, star, wish->name, REASON_SHOWN, reason);
}

static enum err refuse_critical(struct arena *a, const struct dns_caa *record,
                                const char *at, const struct caa_judge_wish *wish,
                                struct err_info *why)
{
    return err_set(why, ERR_CAA,
                   "the CAA record %s of %s is marked critical and of a kind this CA "
                   "does not know, which forbids certificates for %s%s (RFC 8659 4.1)",
                   caa_judge_shown(a, record), at, wish->wildcard ? "*." : "",
                   wish->name);
}

enum err caa_judge(struct arena *a, const struct dns_caa *records, size_t count,
                   const char *at, const struct caa_judge_wish *wish,
                   struct err_info *why)
{
    const struct dns_caa **looked_at = arena_array(a, count + 1, sizeof *looked_at);
    const struct dns_caa *nearest = NULL;
    const char *tag = "issue";
    const char *reason = "";
    enum fit best = OTHER_CA;
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if ((records[i].flags & DNS_CAA_CRITICAL) != 0 && !is_known(&records[i]))
            return refuse_critical(a, &records[i], at, wish, why);
        if (wish->wildcard && tag_is(&records[i], "issuewild"))
            tag = "issuewild"; /* in place of issue (4.3) */
    }
    for (size_t i = 0; i < count; i++) {
        struct err_info wrong = {0};
        if (!tag_is(&records[i], tag))
            continue;
        looked_at[used++] = &records[i];
        enum fit fit = judge_one(&records[i], wish, &wrong);
        if (fit == FITS)
            return ERR_OK;
        if (fit > best) {
            best = fit;
            nearest = &records[i];
            reason = arena_string(a, wrong.detail);
        }
    }
    if (used == 0)
        return ERR_OK; /* nothing is restricted (4.2, 4.3) */
    return nearest == NULL ? refuse_others(a, looked_at, used, at, wish, why)
                           : refuse_ours(a, nearest, best, reason, at, wish, why);
}
