/* What the DNS says of a name. */
#include <ifaddrs.h>
#include <string.h>

#include "client/dns/dns_desk.h"
#include "client/preflight/preflight_caa_judge.h"
#include "client/preflight/preflight_private.h"
#include "core/base/buf.h"

#define LIST_MAX 600 /* octets of addresses in a sentence */

/* ERR_NETWORK is a finding; what is left ends it all. */
static enum err ask(struct preflight *p, const char *name, enum dns_type type,
                    bool servers, const struct dns_query_source **sources, size_t *count,
                    struct err_info *why)
{
    struct dns_line line = preflight_dns_line(p);
    const struct dns_query q = {preflight_resolver(p, name), name, type, servers};

    return dns_query(&line, p->arena, &q, sources, count, why);
}

static bool is_fatal(enum err result)
{
    return result == ERR_INTERRUPTED || result == ERR_IO || result == ERR_INTERNAL;
}

/* ---- addresses ---- */

struct preflight_host preflight_this_host(struct arena *a)
{
    struct preflight_host host = {0};
    struct ifaddrs *all = NULL;
    size_t room = 0;

    if (getifaddrs(&all) != 0)
        return host;
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        room += i->ifa_addr != NULL;
    struct address *list = arena_array(a, room + 1, sizeof *list);
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        if (i->ifa_addr != NULL)
            list[host.count++] = address_from_sockaddr(i->ifa_addr);
    freeifaddrs(all);
    host.addresses = list;
    return host;
}

static bool is_ours(const struct preflight *p, const struct address *at)
{
    for (size_t i = 0; i < p->host.count; i++)
        if (p->host.addresses[i].family != ADDRESS_NONE &&
            address_equal(&p->host.addresses[i], at))
            return true;
    return false;
}

static const char *write_addresses(struct preflight *p, const struct dns_query_source *s,
                                   struct buf *b)
{
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < s->count; i++) {
        address_text(&s->records[i].address, text);
        buf_printf(b, "%s%s", b->len > 0 ? ", " : "", text);
    }
    return arena_string_of(p->arena, buf_span(b));
}

static bool has_all(const struct dns_query_source *a, const struct dns_query_source *b)
{
    for (size_t i = 0; i < a->count; i++) {
        bool found = false;
        for (size_t k = 0; k < b->count && !found; k++)
            found = address_equal(&a->records[i].address, &b->records[k].address);
        if (!found)
            return false;
    }
    return true;
}

/* A CA asks the zone's servers; what the resolver remembers is of no use to it. */
static void compare(struct preflight *p, const struct preflight_name *n, const char *type,
                    const struct dns_query_source *sources, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        AUTO(buf) struct buf theirs = buf_make(LIST_MAX);
        AUTO(buf) struct buf ours = buf_make(LIST_MAX);
        if (has_all(&sources[0], &sources[i]) && has_all(&sources[i], &sources[0]))
            continue;
        const char *one = write_addresses(p, &sources[i], &theirs);
        const char *other = write_addresses(p, &sources[0], &ours);
        preflight_add(p, PREFLIGHT_NOTE, "dns", n->name,
                      "the CA asks the name servers: wait if it was changed just now, "
                      "else mend the one that differs",
                      "the name server %s has %s for %s, the resolver has %s",
                      sources[i].server, one[0] != '\0' ? one : "nothing", type,
                      other[0] != '\0' ? other : "nothing");
    }
}

static enum err take_addresses(struct preflight *p, struct preflight_name *n,
                               enum dns_type type, bool *failed, struct err_info *why)
{
    const struct dns_query_source *sources = NULL;
    struct err_info one = {0};
    size_t count = 0;

    enum err result = ask(p, n->name, type, true, &sources, &count, &one);
    if (is_fatal(result))
        return err_set(why, result, "%s", one.detail);
    if (result != ERR_OK) {
        if (!*failed)
            preflight_add(p, PREFLIGHT_WRONG, "dns", n->name,
                          "the CA will meet the same unless the resolver is at fault",
                          "%s", one.detail);
        *failed = true;
        return ERR_OK;
    }
    for (size_t i = 0; count > 0 && i < sources[0].count; i++)
        if (n->address_count < PREFLIGHT_ADDRESSES_MAX)
            n->addresses[n->address_count++] = sources[0].records[i].address;
    compare(p, n, type == DNS_A ? "A" : "AAAA", sources, count);
    return ERR_OK;
}

enum err preflight_addresses(struct preflight *p, struct preflight_name *n,
                             struct err_info *why)
{
    AUTO(buf) struct buf list = buf_make(LIST_MAX);
    bool failed = false;
    size_t ours = 0;

    if (n->is_address) {
        n->address_count = address_parse(span_of(n->name), &n->addresses[0]);
        return ERR_OK;
    }
    TRY(take_addresses(p, n, DNS_AAAA, &failed, why));
    TRY(take_addresses(p, n, DNS_A, &failed, why));
    if (failed)
        return ERR_OK;
    if (n->address_count == 0) {
        preflight_add(p, PREFLIGHT_WRONG, "dns", n->name,
                      arena_printf(p->arena,
                                   "add it to the zone: %s. A ADDRESS-OF-THIS-HOST, or "
                                   "prove the name by dns-01",
                                   n->name),
                      "the name has no address, neither A nor AAAA");
        return ERR_OK;
    }
    for (size_t i = 0; i < n->address_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_text(&n->addresses[i], text);
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", text);
        ours += is_ours(p, &n->addresses[i]);
    }
    const char *text = arena_string_of(p->arena, buf_span(&list));
    if (ours == n->address_count)
        preflight_add(p, PREFLIGHT_GOOD, "dns", n->name, "", "it is at %s: this host",
                      text);
    else
        preflight_add(p, PREFLIGHT_NOTE, "dns", n->name,
                      "that is fine if something there forwards to this host",
                      "it is at %s, and %s of that is an address of this host", text,
                      ours == 0 ? "none" : "not all");
    return ERR_OK;
}

/* ---- CAA ---- */

/* The record that would do. */
static const char *advise(struct preflight *p, const struct preflight_name *n,
                          const char *identity, const char *account_url)
{
    AUTO(buf) struct buf b = buf_make(LIST_MAX);

    buf_printf(&b, "add: %s. CAA 0 %s \"%s", n->name, n->wildcard ? "issuewild" : "issue",
               identity);
    if (account_url != NULL)
        buf_printf(&b, "; accounturi=%s", account_url);
    buf_add_text(&b, "; validationmethods=");
    challenge_list_write(&b, &p->wanted->certificate->challenge_types);
    buf_add_text(&b, "\"");
    return arena_string_of(p->arena, buf_span(&b));
}

enum err preflight_caa(struct preflight *p, const struct preflight_name *n,
                       const char *identity, const char *account_url,
                       struct err_info *why)
{
    const struct preflight_caa_question q = {
        identity, account_url, &p->wanted->certificate->challenge_types, n->wildcard};
    const char *shown = n->wildcard ? arena_printf(p->arena, "*.%s", n->name) : n->name;

    for (const char *at = n->name; at != NULL && *at != '\0';
         at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL) {
        const struct dns_query_source *sources = NULL;
        struct err_info one = {0};
        size_t count = 0;
        enum err result = ask(p, at, DNS_CAA, false, &sources, &count, &one);
        if (is_fatal(result))
            return err_set(why, result, "%s", one.detail);
        if (result != ERR_OK) {
            preflight_add(p, PREFLIGHT_WRONG, "caa", shown,
                          "a CA that cannot look there must refuse: mend that zone",
                          "its CAA records cannot be looked up: %s", one.detail);
            return ERR_OK;
        }
        if (count == 0 || sources[0].count == 0)
            continue;
        if (identity[0] == '\0') {
            preflight_add(p, PREFLIGHT_NOTE, "caa", shown, "",
                          "there are CAA records at %s, and the CA does not say what it "
                          "is called in them",
                          at);
            return ERR_OK;
        }
        const char *reason =
            preflight_caa_judge(p->arena, sources[0].records, sources[0].count, &q);
        if (reason != NULL)
            preflight_add(p, PREFLIGHT_WRONG, "caa", shown,
                          advise(p, n, identity, account_url), "CAA at %s: %s", at,
                          reason);
        else
            preflight_add(p, PREFLIGHT_GOOD, "caa", shown, "",
                          "the records at %s let %s issue", at, identity);
        return ERR_OK;
    }
    preflight_add(p, PREFLIGHT_GOOD, "caa", shown, "", "no record forbids it");
    return ERR_OK;
}

/* ---- records of challenges ---- */

static enum err look_at_persist(struct preflight *p, struct dns_desk *desk,
                                const struct settings_dns *dns,
                                const struct preflight_name *n, const char *identity,
                                const char *account_url, struct err_info *why)
{
    AUTO(buf) struct buf missing = buf_make(LIST_MAX);
    const char *name = arena_printf(p->arena, "_validation-persist.%s", n->name);
    const struct dns_desk_persist wish = {name, identity, account_url, n->wildcard};

    if (account_url == NULL || identity[0] == '\0') {
        preflight_add(p, PREFLIGHT_NOTE, "dns-persist-01", n->name, "",
                      "what %s must say is known once there is an account", name);
        return ERR_OK;
    }
    TRY(dns_desk_watch_persist(desk, p->arena, dns, &wish, why));
    TRY(dns_desk_look(desk, &missing, NULL, why));
    if (missing.len == 0)
        preflight_add(p, PREFLIGHT_GOOD, "dns-persist-01", n->name, "",
                      "%s has the record", name);
    else
        preflight_add(p, PREFLIGHT_WRONG, "dns-persist-01", n->name,
                      arena_printf(p->arena, "add: %s. TXT \"%s; accounturi=%s%s\"", name,
                                   identity, account_url,
                                   n->wildcard ? "; policy=wildcard" : ""),
                      "%.*s", (int)missing.len, (const char *)missing.data);
    return ERR_OK;
}

static enum err look_at_place(struct preflight *p, struct dns_desk *desk,
                              const struct settings_dns *dns, enum challenge_type type,
                              const struct preflight_name *n, struct err_info *why)
{
    struct dns_task task = {.name = arena_printf(p->arena, "_acme-challenge.%s", n->name),
                            .value = "",
                            .domain = n->name,
                            .wildcard = n->wildcard,
                            .token = "",
                            .key_authorization = ""};

    TRY(dns_desk_find(desk, p->arena, dns, &task, why));
    bool led = task.zone[0] != '\0' && strcmp(task.owner, task.name) != 0;
    preflight_add(
        p, PREFLIGHT_GOOD, terms_challenge_type(type), n->name, "",
        "the record would go to %s%s%s%s%s, by %s%s", task.owner, led ? " (where " : "",
        led ? task.name : "", led ? " leads)" : "",
        task.zone[0] != '\0' ? arena_printf(p->arena, " in the zone %s", task.zone) : "",
        dns->provider,
        task.primary[0] != '\0' ? arena_printf(p->arena, " at %s", task.primary) : "");
    return ERR_OK;
}

enum err preflight_records(struct preflight *p, enum challenge_type type,
                           const struct preflight_name *n, const char *identity,
                           const char *account_url, struct err_info *why)
{
    static const struct report quiet = {.quiet = true};
    static const struct settings_dns nobody = {.name = "",
                                               .provider = "none",
                                               .resolver = "",
                                               .server = "",
                                               .check = "auto",
                                               .timeout_ms = 1000};
    const struct settings_dns *dns = settings_dns_for(p->wanted, n->name);
    struct dns_desk desk = {.worker = preflight_dns_line(p),
                            .runner = p->crew->runner.fd,
                            .directory = p->directory,
                            .settings = p->wanted->settings,
                            .report = &quiet};
    struct err_info one = {0};

    if (dns == NULL && type != CHALLENGE_DNS_PERSIST_01) {
        preflight_add(p, PREFLIGHT_WRONG, terms_challenge_type(type), n->name,
                      "name one in dns, for all zones or for this one",
                      "nobody is set up who adds records for it");
        return ERR_OK;
    }
    enum err result = type == CHALLENGE_DNS_PERSIST_01
                          ? look_at_persist(p, &desk, dns != NULL ? dns : &nobody, n,
                                            identity, account_url, &one)
                          : look_at_place(p, &desk, dns, type, n, &one);
    dns_desk_close(&desk);
    if (is_fatal(result))
        return err_set(why, result, "%s", one.detail);
    if (result != ERR_OK)
        preflight_add(p, PREFLIGHT_WRONG, terms_challenge_type(type), n->name, "", "%s",
                      one.detail);
    return ERR_OK;
}
