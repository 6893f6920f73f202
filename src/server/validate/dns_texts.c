/* What the challenges that are answered with TXT records share: the lookup, and its
 * failures in words. */
#include <string.h>

#include "core/acme/identifier.h"
#include "server/validate/validate_private.h"

#define TEXTS_SHOWN 3  /* TXT records in a refusal */
#define TEXT_SHOWN  64 /* octets of each */
#define ALIAS_SHOWN 100

const char *dns_texts_list(struct validate_check *c, const struct resolver_result *r)
{
    const char *list = "";

    for (size_t i = 0; i < r->count && i < TEXTS_SHOWN; i++)
        list = arena_printf(c->arena, "%s%s\"%s\"", list, i > 0 ? ", " : "",
                            validate_text_shown(c->arena, r->texts[i], TEXT_SHOWN));
    if (r->count > TEXTS_SHOWN)
        list = arena_printf(c->arena, "%s and %zu more", list, r->count - TEXTS_SHOWN);
    return list;
}

const char *dns_texts_where(struct validate_check *c, const struct resolver_result *r)
{
    return r->alias == NULL ? c->host
                            : arena_printf(c->arena, "%s (an alias of %.*s)", c->host,
                                           ALIAS_SHOWN, r->alias);
}

static void on_looked_up(struct validate_check *c, const struct resolver_result *r)
{
    const struct dns_texts *t = c->state;

    if (r->bogus)
        validate_trouble(c, ERR_DNS,
                         "the answer about the TXT records of %s fails DNSSEC "
                         "validation: %s",
                         dns_texts_where(c, r), r->reason);
    else if (r->rcode == DNS_NXDOMAIN)
        validate_bad(c, ERR_DNS, "there is no name %s in the DNS (NXDOMAIN)%s",
                     dns_texts_where(c, r), t->note);
    else if (r->rcode != DNS_NOERROR)
        validate_trouble(c, ERR_DNS, "looking up the TXT records of %s failed: %s",
                         dns_texts_where(c, r), r->reason);
    else
        t->judge(c, r);
}

/* The front checked the question, and offers no such challenge for addresses (RFC 8738
 * 7). */
void dns_texts_start(struct validate_check *c, struct dns_texts *texts,
                     const char *labels)
{
    const char *name = arena_printf(c->arena, "%s%s", labels, c->question.identifier);
    struct address address;

    if (texts->wanted[0] == '\0' || c->question.identifier[0] == '\0' ||
        address_parse(span_of(c->question.identifier), &address)) {
        validate_bad(c, ERR_INTERNAL, "the question is malformed");
        return;
    }
    if (strlen(name) > IDENTIFIER_DNS_MAX) {
        validate_bad(c, ERR_DNS,
                     "%s is too long for the DNS, which has names of at most %d octets: "
                     "%s cannot prove such a name",
                     name, IDENTIFIER_DNS_MAX, terms_challenge_type(c->question.type));
        return;
    }
    c->state = texts;
    validate_look_up_texts(c, name, on_looked_up);
}
