/* Which chain: a CA may offer several for one certificate (RFC 8555 7.4.2). */
#include <string.h>
#include <strings.h>

#include "client/flow/flow_private.h"
#include "client/request/link_header.h"
#include "core/x509/certificate.h"
#include "core/x509/common_name.h"

#define CHAIN_TYPE "application/pem-certificate-chain"

/* ---- the choice ---- */

static bool contains(const char *text, const char *part)
{
    size_t len = strlen(part);

    for (; text != NULL && strlen(text) >= len; text++)
        if (strncasecmp(text, part, len) == 0)
            return true;
    return false;
}

enum flow_chain_match flow_chain_matches(struct span pem, const char *part)
{
    AUTO(arena) struct arena *a = arena_new();
    struct span ders[CERTIFICATE_CHAIN_MAX];
    enum flow_chain_match match = FLOW_CHAIN_OTHER;
    struct err_info ignored = {0};
    size_t count = 0;

    if (certificate_from_pem(a, pem, ders, CERTIFICATE_CHAIN_MAX, &count, &ignored) !=
        ERR_OK)
        return FLOW_CHAIN_OTHER;
    for (size_t i = 0; i < count; i++) {
        struct certificate *c = NULL;
        if (certificate_read(a, ders[i], &c, &ignored) == ERR_OK &&
            contains(common_name_of(a, c->issuer), part))
            match = i + 1 == count ? FLOW_CHAIN_ROOT : FLOW_CHAIN_ISSUER;
    }
    return match;
}

/* The best chain so far. */
struct choice {
    struct span pem;
    enum flow_chain_match match;
};

static void weigh(struct choice *c, struct span pem, const char *part)
{
    enum flow_chain_match match = flow_chain_matches(pem, part);

    if (match > c->match)
        *c = (struct choice){.pem = pem, .match = match};
}

/* An alternate that cannot be had is no reason to fail: there is the CA's first. */
static enum err try_alternate(struct flow *f, const char *url, struct choice *choice,
                              struct err_info *why)
{
    struct acme_reply reply;

    enum err result =
        acme_request_fetch(&f->session->peer, f->arena, url, CHAIN_TYPE, &reply, why);
    if (result == ERR_INTERRUPTED || result == ERR_TIMEOUT)
        return result;
    if (result == ERR_OK)
        weigh(choice, reply.body, f->options->preferred_chain);
    else
        report_step(f->report, "chain", "%s cannot be had: %s", url, why->detail);
    return ERR_OK;
}

enum err flow_chain_take(struct flow *f, struct span *pem, struct err_info *why)
{
    const char *urls[LINK_HEADER_URLS_MAX];
    const char *wanted = f->options->preferred_chain;
    struct acme_reply reply;

    TRY(acme_request_fetch(&f->session->peer, f->arena, f->certificate_url, CHAIN_TYPE,
                           &reply, why));
    *pem = reply.body;
    if (wanted == NULL)
        return ERR_OK;
    struct choice choice = {.pem = reply.body};
    weigh(&choice, reply.body, wanted);
    size_t count = link_header_urls(f->arena, f->certificate_url, reply.links,
                                    reply.link_count, "alternate", urls);
    for (size_t i = 0; i < count && choice.match != FLOW_CHAIN_ROOT; i++)
        TRY(try_alternate(f, urls[i], &choice, why));
    *pem = choice.pem;
    if (choice.match == FLOW_CHAIN_OTHER)
        report_warn(f->report,
                    "no issuer has \"%s\" in its name, in %zu chain%s of the CA; its "
                    "first chain is taken",
                    wanted, count + 1, count == 0 ? "" : "s");
    return ERR_OK;
}
