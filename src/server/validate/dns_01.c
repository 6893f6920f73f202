/* dns-01 (RFC 8555 8.4): a TXT record at _acme-challenge.NAME with the digest of the key
 * authorization; dns-account-01 (draft-ietf-acme-dns-account-label): the same below a
 * label of the account's own. The resolver follows aliases; any one of several records
 * will do. */
#include "core/acme/dns_account.h"
#include "core/base/base64url.h"
#include "core/base/secret.h"
#include "core/crypto/hash.h"
#include "server/validate/validate_private.h"

#define LABEL "_acme-challenge."

static void judge(struct validate_check *c, const struct resolver_result *r)
{
    const struct dns_texts *t = c->state;
    bool found = false;

    for (size_t i = 0; i < r->count; i++)
        found = secret_equal(r->texts[i], span_of(t->wanted)) || found;
    if (found)
        validate_good(c);
    else if (r->count == 0)
        validate_bad(c, ERR_UNAUTHORIZED,
                     "%s has no TXT record; expected one with \"%s\"%s",
                     dns_texts_where(c, r), t->wanted, t->note);
    else if (r->count == 1)
        validate_bad(c, ERR_UNAUTHORIZED, "the TXT record of %s is %s; expected \"%s\"",
                     dns_texts_where(c, r), dns_texts_list(c, r), t->wanted);
    else
        validate_bad(c, ERR_UNAUTHORIZED,
                     "the %zu TXT records of %s are %s; expected one with \"%s\"",
                     r->count, dns_texts_where(c, r), dns_texts_list(c, r), t->wanted);
}

static void start(struct validate_check *c, const char *labels, const char *note)
{
    struct dns_texts *texts = arena_get(c->arena, sizeof *texts);
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256(span_of(c->question.key_authorization), digest);
    texts->judge = judge;
    texts->wanted = c->question.key_authorization[0] != '\0'
                        ? base64url_string(c->arena, span_make(digest, sizeof digest))
                        : "";
    texts->note = note;
    dns_texts_start(c, texts, labels);
}

void dns_01_start(struct validate_check *c)
{
    start(c, LABEL, "");
}

/* Who finds no record is told of which account the label is (3.4): where the client takes
 * another URL for its own, both look at different names. */
void dns_01_start_account(struct validate_check *c)
{
    char label[DNS_ACCOUNT_LABEL_SIZE];

    if (c->question.account_uri[0] == '\0') {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    dns_account_label(c->question.account_uri, label);
    start(c, arena_printf(c->arena, "%s." LABEL, label),
          arena_printf(c->arena, "; the first label is that of the account %s",
                       c->question.account_uri));
}
