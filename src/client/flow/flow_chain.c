/* Which chain: a CA may offer several for one certificate (RFC 8555 7.4.2). */
#include <string.h>
#include <strings.h>

#include "client/flow/flow_private.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/x509/certificate.h"
#include "core/x509/common_name.h"

/* ---- Link headers (RFC 8288 3) ---- */

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* The end of a token or quoted text. */
static const char *skip_value(const char *at)
{
    if (*at != '"')
        return at + strcspn(at, ";, \t");
    for (at++; *at != '"' && *at != '\0'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

/* Is the word one of the relations, perhaps in quotes? */
static bool has_relation(struct span value, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= value.len; i++) {
        bool begins = i == 0 || strchr("\" \t", value.data[i - 1]) != NULL;
        bool ends = i + len == value.len || strchr("\" \t", value.data[i + len]) != NULL;
        if (begins && ends &&
            text_equal_ignoring_case(span_slice(value, i, len), span_of(word)))
            return true;
    }
    return false;
}

/* One link at `*at`, which moves behind it: its target, and whether it is related so. */
static bool next_link(const char **at, const char *relation, struct span *target,
                      bool *related)
{
    const char *p = *at + strspn(*at, " \t,");
    const char *end = *p == '<' ? strchr(p, '>') : NULL;

    if (end == NULL)
        return false;
    *target = span_make(p + 1, (size_t)(end - p - 1));
    *related = false;
    for (p = skip_space(end + 1); *p == ';'; p = skip_space(p)) {
        p = skip_space(p + 1);
        const char *name = p;
        p += strcspn(p, "=;, \t");
        bool is_rel = p - name == 3 && strncasecmp(name, "rel", 3) == 0;
        p = skip_space(p);
        if (*p != '=')
            continue;
        const char *value = skip_space(p + 1);
        p = skip_value(value);
        if (is_rel && has_relation(span_make(value, (size_t)(p - value)), relation))
            *related = true;
    }
    *at = p;
    return *p == ',' || *p == '\0';
}

size_t flow_chain_links(struct arena *a, const char *base, const char *const *links,
                        size_t count, const char *relation, const char **urls)
{
    struct url from = {0};
    struct err_info ignored = {0};
    size_t found = 0;

    if (url_parse(a, span_of(base), &from, &ignored) != ERR_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = links[i];
        struct span target = {0};
        bool related = false;
        while (found < FLOW_ALTERNATES_MAX &&
               next_link(&at, relation, &target, &related)) {
            struct url u = {0};
            if (related && target.len <= URL_MAX &&
                url_join(a, &from, target, &u, &ignored) == ERR_OK)
                urls[found++] = url_text(a, &u);
        }
    }
    return found;
}

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
        acme_request_post(&f->session->peer, f->arena, url, span_of(""), &reply, why);
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
    const char *urls[FLOW_ALTERNATES_MAX];
    const char *wanted = f->options->preferred_chain;
    struct acme_reply reply;

    TRY(acme_request_post(&f->session->peer, f->arena, f->certificate_url, span_of(""),
                          &reply, why));
    *pem = reply.body;
    if (wanted == NULL)
        return ERR_OK;
    struct choice choice = {.pem = reply.body};
    weigh(&choice, reply.body, wanted);
    size_t count = flow_chain_links(f->arena, f->certificate_url, reply.links,
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
