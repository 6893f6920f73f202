/* dns-persist-01 (draft-ietf-acme-dns-persist): a TXT record at _validation-persist.NAME
 * that stays there and names this CA and the account. The key authorization of the
 * question is the account's URI as it must stand in the record. */
#include <string.h>

#include "core/acme/dns_persist.h"
#include "core/base/clock.h"
#include "server/validate/validate_private.h"

#define RECORD_SHOWN 160 /* octets of what is expected, without the account */

/* What to put there; any one of the CA's names will do. */
static const char *expected(struct validate_check *c)
{
    const char *names = c->question.caa_identities;
    size_t len = strcspn(names, " ");

    return arena_printf(c->arena, "\"%.*s; accounturi=%s%s\"",
                        (int)(len < RECORD_SHOWN ? len : RECORD_SHOWN), names,
                        c->question.key_authorization,
                        c->question.wildcard ? "; policy=wildcard" : "");
}

/* The record that came nearest is what the sentence is about. */
static void refuse(struct validate_check *c, const struct resolver_result *r,
                   enum dns_persist_fit best, struct span record,
                   const struct err_info *why)
{
    if (r->count == 0)
        validate_bad(c, ERR_UNAUTHORIZED, "%s has no TXT record; expected %s",
                     dns_texts_where(c, r), expected(c));
    else if (best == DNS_PERSIST_OTHER_CA)
        validate_bad(c, ERR_UNAUTHORIZED,
                     "no TXT record of %s is for this CA, they are %s; expected %s",
                     dns_texts_where(c, r), dns_texts_list(c, r), expected(c));
    else
        validate_bad(c, best == DNS_PERSIST_MALFORMED ? ERR_MALFORMED : ERR_UNAUTHORIZED,
                     "the TXT record \"%s\" of %s %s; expected %s",
                     validate_text_shown(c->arena, record, RECORD_SHOWN),
                     dns_texts_where(c, r), why->detail, expected(c));
}

static void judge(struct validate_check *c, const struct resolver_result *r)
{
    const struct dns_persist_wish wish = {.issuers = c->question.caa_identities,
                                          .account_uri = c->question.key_authorization,
                                          .wildcard = c->question.wildcard,
                                          .now = clock_now()};
    enum dns_persist_fit best = DNS_PERSIST_OTHER_CA;
    struct err_info best_why = {0};
    struct span best_record = {0};
    int64_t best_until = -1; /* of those that grant it: the last to end */

    for (size_t i = 0; i < r->count; i++) {
        struct err_info why = {0};
        int64_t until = 0;
        enum dns_persist_fit fit = dns_persist_judge(r->texts[i], &wish, &until, &why);
        if (fit == DNS_PERSIST_GRANTED && best_until != 0 &&
            (until == 0 || until > best_until))
            best_until = until;
        if (fit > best || i == 0) {
            best = fit;
            best_why = why;
            best_record = r->texts[i];
        }
    }
    if (best == DNS_PERSIST_GRANTED) {
        c->proof_until = best_until;
        validate_good(c);
    } else {
        refuse(c, r, best, best_record, &best_why);
    }
}

void dns_persist_01_start(struct validate_check *c)
{
    struct dns_texts *texts = arena_get(c->arena, sizeof *texts);

    if (c->question.caa_identities[0] == '\0') {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    texts->judge = judge;
    texts->wanted = c->question.key_authorization;
    texts->note = arena_printf(c->arena, "; expected a TXT record %s there", expected(c));
    dns_texts_start(c, texts, DNS_PERSIST_LABEL);
}
