/* cairn dns persist: the records that let the account have names certified by
 * dns-persist-01, and whether they are there. Nothing is ordered. */
#include <stdio.h>
#include <string.h>

#include "client/command/account_ca.h"
#include "client/command/command_dns.h"
#include "client/command/place.h"
#include "client/dns/dns_desk.h"
#include "client/flow/flow_directory.h"
#include "client/settings/name.h"
#include "client/store/account_store.h"
#include "client/store/state.h"
#include "client/work/work_confine.h"
#include "core/acme/dns_persist.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/dns/dns_name.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX  (256 * 1024) /* octets */
#define ROOTS_MAX   (2 * 1024 * 1024)
#define MISSING_MAX 2048 /* octets of a phrase */

struct run {
    const struct client_command *c;
    struct place place;
    struct report report;
    struct crew crew;
    struct settings_dns dns; /* how records are looked at */
    const char *issuer;
    const char *account_uri;
    int64_t until; /* 0: for good */
    size_t missing;
};

/* ---- what is asked ---- */

/* A day, or a moment (RFC 3339). */
static enum err read_until(struct run *r, struct err_info *why)
{
    const char *text = r->c->until;

    if (text == NULL)
        return ERR_OK;
    if (strlen(text) == strlen("2027-01-31"))
        text = arena_printf(r->c->arena, "%sT00:00:00Z", text);
    if (!clock_read(span_of(text), &r->until))
        return err_set(why, ERR_USAGE,
                       "--until: \"%.50s\" is no day such as 2027-01-31, nor a moment "
                       "such as 2027-01-31T12:00:00Z",
                       r->c->until);
    if (r->until <= clock_now())
        return err_set(why, ERR_USAGE, "--until: %.50s is over", r->c->until);
    return ERR_OK;
}

/* How it is looked, as --dns NAME of cairn.yaml has it; what is said besides counts more.
 */
static enum err read_dns(struct run *r, struct err_info *why)
{
    static const char *const checks[] = {"auto", "authoritative", "resolver", "none"};
    static const struct settings_dns plain = {.name = "",
                                              .provider = "none",
                                              .resolver = "",
                                              .server = "",
                                              .check = "authoritative",
                                              .timeout_ms = 1000};
    const struct client_command *c = r->c;
    bool known = c->dns_check == NULL;

    r->dns = plain;
    if (c->dns != NULL && strcmp(c->dns, "none") != 0) {
        const struct settings_dns *named = settings_dns(&r->place.settings, c->dns);
        if (named == NULL)
            return err_set(why, ERR_USAGE, "--dns: there is no \"%.100s\" in dns",
                           c->dns);
        r->dns.resolver = named->resolver;
        r->dns.check = named->check;
    }
    for (size_t i = 0; !known && i < sizeof checks / sizeof checks[0]; i++)
        known = strcmp(c->dns_check, checks[i]) == 0;
    if (!known)
        return err_set(why, ERR_USAGE,
                       "--dns-check: \"%.50s\" is none of auto, authoritative, resolver, "
                       "none",
                       c->dns_check);
    if (c->dns_check != NULL)
        r->dns.check = c->dns_check;
    if (c->dns_resolver != NULL)
        r->dns.resolver = c->dns_resolver;
    return ERR_OK;
}

/* ---- the CA, and the account there ---- */

static enum err find_account(struct run *r, const struct settings_ca *ca,
                             struct err_info *why)
{
    struct account account = {0};
    struct err_info ignored = {0};

    if (account_store_find(r->c->arena, r->place.directory, ca->directory, &account,
                           &ignored) != ERR_OK ||
        account.url == NULL)
        return err_set(
            why, ERR_NOT_FOUND,
            "there is no account at %s, which the record names; make one with: "
            "cairn account register",
            ca->directory);
    r->account_uri = account.url;
    return ERR_OK;
}

static enum err ask_ca(struct run *r, const struct settings_ca *ca, struct err_info *why)
{
    struct flow_directory d = {0};
    struct span roots = span_of("");
    char name[DNS_NAME_MAX + 1];

    if (ca->ca_file[0] != '\0')
        TRY(file_read(r->c->arena, ca->ca_file, ROOTS_MAX, &roots, why));
    TRY(flow_directory_ask(r->crew.network.fd, r->c->arena, ca->directory, roots, &d,
                           why));
    if (!dns_name_read(span_of(d.caa_identity), name))
        return err_set(why, ERR_REFUSED,
                       "%s does not say what it is called in records (caaIdentities); an "
                       "order tells: cairn issue NAME --challenge dns-persist-01",
                       ca->directory);
    r->issuer = arena_string(r->c->arena, name);
    return ERR_OK;
}

/* ---- each name ---- */

/* A record with policy=wildcard at the same place is good for the name, too. */
static bool is_covered(const struct config_list *names, size_t index)
{
    const struct identifier one = name_identifier(names->items[index]);

    for (size_t i = 0; i < names->count && !identifier_is_wildcard(&one); i++) {
        const struct identifier other = name_identifier(names->items[i]);
        if (identifier_is_wildcard(&other) &&
            strcmp(identifier_base(&other), one.value) == 0)
            return true;
    }
    return false;
}

static enum err look(struct run *r, const struct dns_desk_persist *wish,
                     struct buf *missing, struct err_info *why)
{
    struct dns_desk desk = {.worker = {.fd = r->crew.dns.fd},
                            .runner = r->crew.runner.fd,
                            .directory = r->place.directory,
                            .settings = &r->place.settings,
                            .report = &r->report};
    enum err result = dns_desk_watch_persist(&desk, r->c->arena, &r->dns, wish, why);

    if (result == ERR_OK)
        result = dns_desk_look(&desk, missing, NULL, why);
    dns_desk_close(&desk);
    return result;
}

static enum err do_one(struct run *r, const char *text, struct json_writer *w,
                       struct err_info *why)
{
    AUTO(buf) struct buf missing = buf_make(MISSING_MAX);
    const struct identifier name = name_identifier(text);
    struct arena *a = r->c->arena;
    const struct dns_desk_persist wish = {
        .name = arena_printf(a, DNS_PERSIST_LABEL "%s", identifier_base(&name)),
        .issuers = r->issuer,
        .account_uri = r->account_uri,
        .wildcard = identifier_is_wildcard(&name)};
    const char *record = dns_persist_record(a, r->issuer, r->account_uri, wish.wildcard);

    if (r->until != 0)
        record = arena_printf(a, "%s; persistUntil=%lld", record, (long long)r->until);
    json_write_text(w, "record", wish.name);
    json_write_text(w, "value", record);
    if (!r->c->json)
        printf("%s. TXT \"%s\"\n", wish.name, record);
    if (dns_desk_is_unchecked(&r->dns))
        return ERR_OK;
    enum err result = look(r, &wish, &missing, why);
    if (result == ERR_INTERRUPTED || result == ERR_IO || result == ERR_INTERNAL)
        return result;
    if (result == ERR_OK && missing.len > 0)
        result = err_set(why, ERR_VALIDATION, "%.*s", (int)missing.len,
                         (const char *)missing.data);
    json_write_bool(w, "there", result == ERR_OK);
    if (result == ERR_OK)
        report_step(&r->report, "there", "%s", wish.name);
    return result;
}

/* The first that is missing is the failure, when all were looked at. */
static enum err do_all(struct run *r, const struct config_list *names,
                       struct json_writer *w, struct err_info *why)
{
    for (size_t i = 0; i < names->count; i++) {
        struct err_info own = {0};
        if (is_covered(names, i))
            continue;
        json_write_begin_object(w, NULL);
        json_write_text(w, "name", names->items[i]);
        enum err result = do_one(r, names->items[i], w, &own);
        if (result != ERR_OK)
            json_write_text(w, "error", own.detail);
        json_write_end_object(w);
        if (result == ERR_INTERRUPTED || result == ERR_IO || result == ERR_INTERNAL) {
            *why = own;
            return result;
        }
        if (result != ERR_OK && r->missing++ > 0)
            report_warning("%s: %s", names->items[i], own.detail);
        else if (result != ERR_OK)
            (void)err_set(why, ERR_VALIDATION, "%s: %s; add the record", names->items[i],
                          own.detail);
    }
    return r->missing > 0 ? ERR_VALIDATION : ERR_OK;
}

static enum err run(struct run *r, const struct config_list *names, struct err_info *why)
{
    AUTO(buf) struct buf output = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&output);
    const struct settings_ca *ca = NULL;

    TRY(account_ca_find(r->c, &r->place.settings, &ca, why));
    TRY(state_prepare(r->c->arena, r->place.directory, why));
    struct work_files files = work_files_make(r->c->arena, r->place.directory);
    work_files_add_ca(&files, ca);
    TRY(crew_start(&r->crew, why));
    TRY(work_confine(&r->crew, &files, why));
    TRY(find_account(r, ca, why)); /* its key is read, too */
    TRY(ask_ca(r, ca, why));
    json_write_begin_array(&w, NULL);
    enum err result = do_all(r, names, &w, why);
    json_write_end_array(&w);
    if (r->c->json) {
        printf("%.*s\n", (int)output.len, (const char *)output.data);
        *r->c->printed = true;
    }
    return result;
}

enum err command_dns_persist(const struct client_command *c, struct err_info *why)
{
    struct run r = {.c = c, .report = {.json = c->json, .quiet = c->quiet}};
    struct config_list names;

    TRY(place_find(c, &r.place, why));
    TRY(command_dns_names(c, false, &names, why));
    TRY(read_until(&r, why));
    TRY(read_dns(&r, why));
    enum err result = run(&r, &names, why);
    crew_end(&r.crew);
    return result;
}
