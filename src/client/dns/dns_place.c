/* From a name to the servers of its zone. */
#include "client/dns/dns_place.h"

#include <string.h>

#include "core/base/random.h"
#include "core/base/text.h"
#include "core/dns/dns_exchange.h"
#include "core/dns/dns_name.h"

#define CUTS_MAX      8    /* zones below each other that are found on the way */
#define FIRST_MAX     3    /* servers that are asked one by one */
#define FIRST_WAIT_MS 1500 /* for one of them */

static const char *const checks[] = {
    [DNS_CHECK_AUTO] = "auto",
    [DNS_CHECK_AUTHORITATIVE] = "authoritative",
    [DNS_CHECK_RESOLVER] = "resolver",
    [DNS_CHECK_NONE] = DNS_PLACE_NO_CHECK,
};

bool dns_place_read_check(const char *text, enum dns_check *check)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (strcmp(text, checks[i]) == 0) {
            *check = (enum dns_check)i;
            return true;
        }
    return false;
}

/* One search. */
struct search {
    const struct dns_asker *k;
    const struct dns_place_options *options;
    enum dns_check check; /* how it is done: no more DNS_CHECK_AUTO */
    const char *zone;
    const char *primary;        /* name of the zone's primary server */
    struct dns_addresses given; /* of the option; none without it */
    struct dns_place *place;
};

static bool same_name(const char *x, const char *y)
{
    return text_equal_ignoring_case(span_of(x), span_of(y));
}

/* ---- HOST:PORT ---- */

static bool split_host(const char *text, char *name, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    uint64_t number = DNS_EXCHANGE_PORT;

    if (colon != NULL &&
        (!text_number(span_of(colon + 1), UINT16_MAX, &number) || number == 0))
        return false;
    *port = (uint16_t)number;
    return dns_name_read(span_make(text, len), name);
}

bool dns_place_is_server(const char *text)
{
    struct address address;
    char name[DNS_NAME_MAX + 1];
    uint16_t port;

    return address_parse_with_port(span_of(text), DNS_EXCHANGE_PORT, &address) ||
           split_host(text, name, &port);
}

/* The addresses of the server that the user named. */
static enum err read_given(struct search *s, struct err_info *why)
{
    const char *text = s->options->server;
    char name[DNS_NAME_MAX + 1];
    uint16_t port;

    if (text[0] == '\0')
        return ERR_OK;
    if (address_parse_with_port(span_of(text), DNS_EXCHANGE_PORT, &s->given.list[0])) {
        s->given.count = 1;
        return ERR_OK;
    }
    if (!split_host(text, name, &port))
        return err_set(why, ERR_CONFIG,
                       "the server \"%.100s\" is neither HOST nor HOST:PORT", text);
    TRY(dns_ask_addresses(s->k, name, port, &s->given, why));
    if (s->given.count == 0)
        return err_set(why, ERR_DNS, "the server %s has no address", name);
    return ERR_OK;
}

/* ---- the zone ---- */

/* A record that says which zone has `name`: of the zone itself in the answer, or beside
 * the answer that there is nothing (RFC 2308 3). */
static const struct dns_record *find_soa(const struct dns_answer *answer,
                                         const char *name)
{
    const struct dns_record *soa = dns_wire_find(&answer->answer, DNS_SOA);

    if (soa != NULL && same_name(soa->owner, name))
        return soa;
    if (dns_wire_find(&answer->answer, DNS_CNAME) != NULL)
        return NULL;
    soa = dns_wire_find(&answer->authority, DNS_SOA);
    return soa != NULL && dns_name_is_in(name, soa->owner) ? soa : NULL;
}

static void take_soa(struct search *s, const struct dns_record *soa)
{
    s->zone = soa->owner;
    s->primary = soa->target;
}

/* The zone as resolvers know it, from the name above: the name itself may not be there
 * yet, which a resolver would remember. */
static enum err find_zone(struct search *s, const char *name, struct err_info *why)
{
    struct dns_answer answer;

    do {
        name = dns_name_parent(name);
        TRY(dns_ask_resolver(s->k, name, DNS_SOA, &answer, why));
        const struct dns_record *soa = find_soa(&answer, name);
        if (soa != NULL) {
            take_soa(s, soa);
            return ERR_OK;
        }
    } while (name[0] != '\0');
    return err_set(why, ERR_DNS, "the resolver knows no zone of %s", s->place->owner);
}

static void add_server(struct dns_place *p, const char *name,
                       const struct address *address)
{
    for (size_t i = 0; i < p->server_count; i++)
        if (address_equal(&p->servers[i].address, address))
            return;
    if (p->server_count < DNS_SERVERS_MAX)
        p->servers[p->server_count++] = (struct dns_server){name, *address};
}

/* All addresses of all name servers of the zone. */
static enum err find_servers(struct search *s, struct err_info *why)
{
    struct dns_answer answer;

    s->place->server_count = 0;
    TRY(dns_ask_resolver(s->k, s->zone, DNS_NS, &answer, why));
    for (size_t i = 0; i < answer.answer.count; i++) {
        const struct dns_record *r = &answer.answer.records[i];
        struct dns_addresses addresses = {0};
        if (r->type != DNS_NS || r->target[0] == '\0')
            continue;
        TRY(dns_ask_addresses(s->k, r->target, DNS_EXCHANGE_PORT, &addresses, why));
        for (size_t n = 0; n < addresses.count; n++)
            add_server(s->place, r->target, &addresses.list[n]);
    }
    if (s->place->server_count == 0)
        return err_set(why, ERR_DNS,
                       "the resolver knows no name server of the zone %s, or no address "
                       "of one",
                       s->zone);
    return ERR_OK;
}

/* ---- what the zone says of the name ---- */

/* Where the servers of a zone say that another one begins, below which the name is. */
static const struct dns_record *find_cut(const struct search *s, const char *name,
                                         const struct dns_answer *answer)
{
    const struct dns_record *ns = dns_wire_find(&answer->authority, DNS_NS);

    if (answer->is_authoritative || answer->answer.count > 0 || ns == NULL ||
        !dns_name_is_in(name, ns->owner) || !dns_name_is_in(ns->owner, s->zone) ||
        same_name(ns->owner, s->zone))
        return NULL;
    return ns;
}

/* Is it the word of the zone, or that it is in another zone below? */
static bool is_of_use(const struct search *s, const char *name,
                      const struct dns_answer *answer)
{
    if (answer->rcode != DNS_NOERROR && answer->rcode != DNS_NXDOMAIN)
        return false;
    return answer->is_authoritative || find_cut(s, name, answer) != NULL;
}

/* The servers of the zone that did not keep silent before. */
static size_t list_servers(const struct search *s, const struct address **list)
{
    size_t count = 0;

    for (size_t i = 0; i < s->place->server_count; i++)
        if (!dns_ask_is_silent(s->k, &s->place->servers[i].address))
            list[count++] = &s->place->servers[i].address;
    return count;
}

/* Ask these at once; the first answer of use counts, if there is one. */
static enum err ask_these(const struct search *s, const struct address *const *list,
                          size_t count, int64_t wait_ms, const char *name,
                          struct dns_answer *answer, bool *found, bool *answered,
                          struct err_info *why)
{
    struct dns_answer *answers = arena_array(s->k->arena, count + 1, sizeof *answers);

    *found = false;
    TRY(dns_ask_all(s->k, list, count, name, DNS_SOA, wait_ms, answers, answered, why));
    for (size_t i = 0; i < count && !*found; i++) {
        *found = answered[i] && is_of_use(s, name, &answers[i]);
        if (*found)
            *answer = answers[i];
    }
    return ERR_OK;
}

/* Ask the servers of the zone until one has an answer of use: a few one by one, then all
 * at once. Those that keep silent are not asked again soon. */
static enum err ask_servers(const struct search *s, const char *name,
                            struct dns_answer *answer, bool *found, struct err_info *why)
{
    const struct address *list[DNS_SERVERS_MAX];
    bool answered[DNS_SERVERS_MAX] = {false};
    size_t count = list_servers(s, list);

    *found = false;
    for (size_t i = 0; i < count && i < FIRST_MAX && !*found; i++)
        TRY(ask_these(s, &list[i], 1, FIRST_WAIT_MS, name, answer, found, answered, why));
    if (*found)
        return ERR_OK;
    TRY(ask_these(s, list, count, DNS_ASK_WAIT_MS, name, answer, found, answered, why));
    for (size_t i = 0; i < count; i++)
        if (!answered[i])
            dns_ask_remember_silent(s->k, list[i]);
    return ERR_OK;
}

/* The server that takes updates takes questions, too; else a resolver is asked, who
 * remembers what is not there. */
static enum err ask_elsewhere(struct search *s, const char *name,
                              struct dns_answer *answer, struct err_info *why)
{
    const struct address *list[DNS_ADDRESSES_MAX];
    bool answered[DNS_ADDRESSES_MAX];
    struct dns_addresses primary = s->given;
    size_t count = 0;
    bool found = false;

    if (primary.count == 0 && s->primary[0] != '\0')
        TRY(dns_ask_addresses(s->k, s->primary, DNS_EXCHANGE_PORT, &primary, why));
    for (size_t i = 0; i < primary.count; i++)
        if (!dns_ask_is_silent(s->k, &primary.list[i]))
            list[count++] = &primary.list[i];
    TRY(ask_these(s, list, count, DNS_ASK_WAIT_MS, name, answer, &found, answered, why));
    for (size_t i = 0; i < count; i++)
        if (!answered[i])
            dns_ask_remember_silent(s->k, list[i]);
    if (found)
        return ERR_OK;
    TRY(dns_ask_resolver(s->k, name, DNS_SOA, answer, why));
    const struct dns_record *soa = dns_wire_find(&answer->authority, DNS_SOA);
    s->place->remembered = soa != NULL && answer->rcode == DNS_NXDOMAIN ? soa->ttl : 0;
    return ERR_OK;
}

static enum err ask_zone(struct search *s, const char *name, struct dns_answer *answer,
                         struct err_info *why)
{
    bool found = false;

    if (s->check != DNS_CHECK_AUTHORITATIVE)
        return ask_elsewhere(s, name, answer, why);
    TRY(find_servers(s, why));
    TRY(ask_servers(s, name, answer, &found, why));
    if (found)
        return ERR_OK;
    if (s->options->check == DNS_CHECK_AUTO) {
        s->check = DNS_CHECK_RESOLVER;
        s->place->remark = arena_printf(
            s->k->arena,
            "none of the name servers of %s can be asked from here (port 53); whether "
            "the record is there is seen at the resolver",
            s->zone);
        return ask_elsewhere(s, name, answer, why);
    }
    return err_set(why, ERR_NETWORK,
                   "none of the name servers of %s tells of %s, the last one being %s; "
                   "where they cannot be asked, check at the resolver",
                   s->zone, name, s->place->servers[s->place->server_count - 1].name);
}

/* Is the alias one that a wildcard of the zone makes (RFC 4592)? Then any other name
 * beside it has it, too, and it is over as soon as the name has a record of its own. (A
 * DNAME leads each name elsewhere.) */
static enum err is_of_wildcard(struct search *s, const char *name, const char *alias,
                               bool *is, struct err_info *why)
{
    const char *other =
        arena_printf(s->k->arena, "_cairn-%08x.%s",
                     (unsigned int)random_below(UINT32_MAX), dns_name_parent(name));
    struct dns_answer answer;

    *is = false;
    if (strlen(other) > DNS_NAME_MAX)
        return ERR_OK;
    TRY(ask_zone(s, other, &answer, why));
    const struct dns_record *cname = dns_wire_find(&answer.answer, DNS_CNAME);
    *is = cname != NULL && same_name(cname->owner, other) &&
          same_name(cname->target, alias);
    return ERR_OK;
}

static const char *find_alias(const struct dns_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->answer.count; i++) {
        const struct dns_record *r = &answer->answer.records[i];
        if (r->type == DNS_CNAME && same_name(r->owner, name))
            return r->target;
    }
    return NULL;
}

/* Follow one name down to its zone; `*alias` is where it leads, NULL if it is no alias.
 */
static enum err look_at(struct search *s, const char *name, const char **alias,
                        struct err_info *why)
{
    struct dns_answer answer;
    const struct dns_record *cut = NULL;

    TRY(find_zone(s, name, why));
    for (int i = 0; i < CUTS_MAX; i++) {
        TRY(ask_zone(s, name, &answer, why));
        cut = find_cut(s, name, &answer);
        if (cut == NULL)
            break;
        s->zone = cut->owner;
        s->primary = "";
    }
    bool of_wildcard = false;
    *alias = find_alias(&answer, name);
    if (*alias != NULL)
        TRY(is_of_wildcard(s, name, *alias, &of_wildcard, why));
    if (of_wildcard)
        *alias = NULL;
    const struct dns_record *soa = find_soa(&answer, name);
    if (*alias == NULL && soa != NULL) {
        bool deeper = !same_name(soa->owner, s->zone);
        take_soa(s, soa);
        if (deeper && s->check == DNS_CHECK_AUTHORITATIVE)
            TRY(find_servers(s, why));
    }
    return ERR_OK;
}

/* ---- who takes updates, who is asked ---- */

static enum err find_primary(struct search *s, struct err_info *why)
{
    struct dns_place *p = s->place;

    p->primary = s->given;
    if (p->primary.count > 0 || !s->options->needs_primary)
        return ERR_OK;
    if (strchr(s->zone, '.') == NULL || s->primary[0] == '\0')
        return err_set(why, ERR_DNS,
                       "%s is in the zone \"%s\", which names no server for updates; say "
                       "which takes them",
                       p->owner, s->zone[0] != '\0' ? s->zone : ".");
    TRY(dns_ask_addresses(s->k, s->primary, DNS_EXCHANGE_PORT, &p->primary, why));
    if (p->primary.count == 0)
        return err_set(why, ERR_DNS,
                       "%s, the primary server of the zone %s, has no address; say "
                       "which server takes updates",
                       s->primary, s->zone);
    return ERR_OK;
}

static void choose_asked(struct search *s)
{
    struct dns_place *p = s->place;

    p->is_lenient = s->options->check == DNS_CHECK_AUTO;
    if (s->check == DNS_CHECK_AUTHORITATIVE)
        return;
    p->server_count = 0;
    for (size_t i = 0; i < s->k->resolvers.count && s->check == DNS_CHECK_RESOLVER; i++)
        add_server(p, "", &s->k->resolvers.list[i]);
}

enum err dns_place_find(const struct dns_asker *k,
                        const struct dns_place_options *options, const char *name,
                        struct dns_place *place, struct err_info *why)
{
    struct dns_place found = {.owner = name, .remark = ""};
    struct search s = {.k = k,
                       .options = options,
                       .check = options->check == DNS_CHECK_AUTO ? DNS_CHECK_AUTHORITATIVE
                                                                 : options->check,
                       .place = &found};

    TRY(read_given(&s, why));
    for (int i = 0; i <= DNS_PLACE_ALIASES_MAX; i++) {
        const char *alias = NULL;
        if (look_at(&s, found.owner, &alias, why) != ERR_OK)
            return err_prefix(why, "%s", name);
        if (alias == NULL) {
            TRY(find_primary(&s, why));
            choose_asked(&s);
            found.zone = s.zone;
            *place = found;
            return ERR_OK;
        }
        if (alias[0] == '\0')
            return err_set(why, ERR_DNS, "%s is an alias of an odd name", found.owner);
        found.owner = alias;
    }
    return err_set(why, ERR_DNS,
                   "%s is an alias of an alias, more than %d times; the last is %s", name,
                   DNS_PLACE_ALIASES_MAX, found.owner);
}
