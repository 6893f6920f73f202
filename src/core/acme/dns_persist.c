/* What a record of dns-persist-01 grants. */
#include "core/acme/dns_persist.h"

#include <string.h>

#include "core/acme/issue_value.h"
#include "core/base/base64url.h"
#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/crypto/hash.h"

#define STRING_MAX 255  /* octets of a character-string (RFC 1035 3.3) */
#define SHOWN      160  /* octets of a record's value in a sentence */
#define HASHED_MAX 2048 /* octets that revision 02 hashes: a name, a digest, a URL */
#define NAME_MAX   255  /* octets: their number is one octet */

#define SHOW(span)                                                                       \
    (int)((span).len < SHOWN ? (span).len : SHOWN), (const char *)(span).data

/* A final dot is no part of the syntax, but whoever writes one means that name. */
static bool is_ours(struct span issuer, const char *issuers)
{
    if (issuer.len > 0 && issuer.data[issuer.len - 1] == '.')
        issuer.len--;
    while (issuer.len > 0 && *issuers != '\0') {
        size_t len = strcspn(issuers, " ");
        if (text_equal_ignoring_case(issuer, span_make(issuers, len)))
            return true;
        issuers += len + strspn(issuers + len, " ");
    }
    return false;
}

/* The value of a parameter that may be there once; `*value` is unchanged without. */
static enum err take(const struct issue_value *v, const char *tag, const char *shown,
                     struct span *value, struct err_info *why)
{
    const struct issue_parameter *p = issue_value_find(v, tag, NULL);

    if (p == NULL)
        return ERR_OK;
    if (issue_value_find(v, tag, p) != NULL)
        return err_set(why, ERR_MALFORMED, "has %s twice", shown);
    *value = p->value;
    return ERR_OK;
}

/* A base-10 integer of 64 bits; one before 1970 is as good as any other that is past. */
static bool read_time(struct span text, int64_t *time)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t number = 0;

    if (!text_number(span_slice(text, negative ? 1 : 0, text.len), INT64_MAX, &number))
        return false;
    *time = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

struct grant {
    struct span account;
    struct span policy;
    bool ends;
    int64_t until;
};

static enum err read_grant(struct span record, struct grant *g, struct err_info *why)
{
    struct issue_value v;
    struct span until = {0};

    if (issue_value_read(record, &v, why) != ERR_OK)
        return err_prefix(why, "does not follow RFC 8659 4.2");
    TRY(take(&v, "accounturi", "accounturi", &g->account, why));
    TRY(take(&v, "policy", "policy", &g->policy, why));
    TRY(take(&v, "persistuntil", "persistUntil", &until, why));
    if (g->account.len == 0)
        return err_set(why, ERR_MALFORMED, "has no accounturi");
    g->ends = until.data != NULL;
    if (g->ends && !read_time(until, &g->until))
        return err_set(why, ERR_MALFORMED,
                       "has persistUntil=%.*s, which is no number of seconds since 1970",
                       SHOW(until));
    return ERR_OK;
}

enum dns_persist_fit dns_persist_judge(struct span record,
                                       const struct dns_persist_wish *wish,
                                       int64_t *until, struct err_info *why)
{
    struct grant g = {0};

    if (!is_ours(issue_value_issuer(record), wish->issuers)) {
        (void)err_set(why, ERR_UNAUTHORIZED, "is for another CA");
        return DNS_PERSIST_OTHER_CA;
    }
    if (read_grant(record, &g, why) != ERR_OK)
        return DNS_PERSIST_MALFORMED;
    if (!span_is(g.account, wish->account_uri)) {
        (void)err_set(why, ERR_UNAUTHORIZED, "is for another account, accounturi=%.*s",
                      SHOW(g.account));
        return DNS_PERSIST_OTHER_ACCOUNT;
    }
    if (g.ends && g.until <= wish->now) {
        (void)err_set(why, ERR_UNAUTHORIZED,
                      "has ended: its persistUntil=%lld is past, now is %lld",
                      (long long)g.until, (long long)wish->now);
        return DNS_PERSIST_NOT_GRANTED;
    }
    if (wish->wildcard && !text_equal_ignoring_case(g.policy, span_of("wildcard"))) {
        (void)err_set(why, ERR_UNAUTHORIZED,
                      "is for this name only: wildcards and names below it need "
                      "policy=wildcard");
        return DNS_PERSIST_NOT_GRANTED;
    }
    *until = g.ends ? g.until : 0;
    return DNS_PERSIST_GRANTED;
}

char *dns_persist_record(struct arena *a, const char *issuer, const char *account_uri,
                         bool wildcard)
{
    return arena_printf(a, "%s; accounturi=%s%s", issuer, account_uri,
                        wildcard ? "; policy=wildcard" : "");
}

char *dns_persist_hashed_uri(struct arena *a, const char *prefix, const char *name,
                             const uint8_t thumbprint[JWK_THUMBPRINT_SIZE],
                             const char *account_url)
{
    AUTO(buf) struct buf b = buf_make(HASHED_MAX);
    size_t len = strlen(name) < NAME_MAX ? strlen(name) : NAME_MAX;
    const uint8_t count = (uint8_t)len;
    uint8_t digest[HASH_SHA256_SIZE];

    buf_add_span(&b, span_make(&count, 1));
    buf_add_span(&b, span_make(name, len));
    buf_add_span(&b, span_make(thumbprint, JWK_THUMBPRINT_SIZE));
    buf_add_span(&b, span_of(account_url));
    hash_sha256(buf_span(&b), digest);
    return arena_printf(a, "%ssha-256/%s", prefix,
                        base64url_string(a, span_make(digest, sizeof digest)));
}

char *dns_persist_zone_text(struct arena *a, const char *record)
{
    AUTO(buf) struct buf b = buf_make(2 * strlen(record) + 3);

    do { /* of nothing, an empty one */
        size_t len = strnlen(record, STRING_MAX);
        buf_printf(&b, "%s\"%.*s\"", b.len == 0 ? "" : " ", (int)len, record);
        record += len;
    } while (*record != '\0');
    return arena_string_of(a, buf_span(&b));
}
