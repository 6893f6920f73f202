/* cairn dns test, cairn dns register: what would add records for a name is found as issue
 * finds it, and tried, or prepared. */
#include <stdio.h>
#include <string.h>

#include "client/command/command_dns.h"
#include "client/command/issue_settings.h"
#include "client/command/place.h"
#include "client/dns/dns_acme_dns.h"
#include "client/dns/dns_trial.h"
#include "client/settings/name.h"
#include "client/settings/settings_names.h"
#include "client/store/state.h"
#include "client/work/issuing.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX (256 * 1024) /* octets */

/* One run over the names of the command line. */
struct run {
    const struct client_command *c;
    struct place place;
    struct report report;
    struct crew crew;
    struct work_files files;
    struct dns_desk desk;
    struct json_writer *json;
    const struct settings_dns **found; /* for each name */
    const struct settings_dns *dns;    /* for the name it is at */
};

/* ---- who adds records for a name ---- */

static bool has_name(const struct settings_certificate *certificate, const char *name)
{
    for (size_t i = 0; i < certificate->names.count; i++) {
        const struct identifier one = name_identifier(certificate->names.items[i]);
        if (one.type == IDENTIFIER_DNS && strcmp(identifier_base(&one), name) == 0)
            return true;
    }
    return false;
}

/* As a line of issue with the same options would have it. */
static enum err from_line(struct run *r, const char *name, struct wanted *w,
                          struct err_info *why)
{
    struct client_command *c = arena_copy(r->c->arena, r->c, sizeof *r->c);

    c->arguments = (struct cli_list){.items = {name}, .count = 1};
    c->challenges = (struct cli_list){.items = {"dns-01"}, .count = 1};
    return issue_settings_make(c, &r->place.settings, w, why);
}

/* As a certificate with that name has it, else as the defaults say. */
static enum err from_settings(struct run *r, const char *name, struct wanted *w,
                              struct err_info *why)
{
    struct client_command all = *r->c;
    struct place_names names;
    struct err_info ignored = {0};

    all.arguments.count = 0;
    TRY(place_certificates(&all, &r->place, &names, why));
    for (size_t i = 0; i < names.count; i++)
        if (work_find(r->c->arena, r->place.directory, &r->place.settings, names.items[i],
                      w, &ignored) == ERR_OK &&
            w->dns_count > 0 && has_name(w->certificate, name))
            return ERR_OK;
    settings_wanted(&r->place.settings, &r->place.settings.defaults, w);
    return ERR_OK;
}

static enum err find_dns(struct run *r, const char *name, struct err_info *why)
{
    bool is_given = r->c->dns != NULL || r->c->dns_key != NULL;
    struct wanted *w = arena_get(r->c->arena, sizeof *w);

    TRY(is_given ? from_line(r, name, w, why) : from_settings(r, name, w, why));
    r->dns = settings_dns_for(w, name);
    work_files_add_wanted(&r->files, w);
    if (r->dns == NULL)
        return err_set(why, ERR_USAGE,
                       "no certificate of %s says who adds records; say --dns WHO, or "
                       "--dns-key FILE",
                       name);
    return dns_provider_check(r->dns, why);
}

/* ---- all names ---- */

enum err command_dns_names(const struct client_command *c, bool bare,
                           struct config_list *names, struct err_info *why)
{
    const char **list = arena_array(c->arena, c->arguments.count + 1, sizeof *list);

    if (c->arguments.count == 0)
        return err_set(why, ERR_USAGE, "say the NAME");
    for (size_t i = 0; i < c->arguments.count; i++) {
        const char *name = c->arguments.items[i];
        list[i] = bare && strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    }
    *names = (struct config_list){list, c->arguments.count};
    if (settings_names_read(c->arena, names, why) != ERR_OK) {
        why->code = ERR_USAGE;
        return ERR_USAGE;
    }
    for (size_t i = 0; i < names->count; i++)
        if (name_identifier(names->items[i]).type != IDENTIFIER_DNS)
            return err_set(why, ERR_USAGE, "%s is no DNS name", names->items[i]);
    return ERR_OK;
}

static enum err start(struct run *r, struct err_info *why)
{
    TRY(state_prepare(r->c->arena, r->place.directory, why));
    TRY(crew_start(&r->crew, why));
    TRY(issuing_prepare(&r->crew, &r->place.settings, r->place.directory, &r->report,
                        why));
    TRY(work_confine(&r->crew, &r->files, why));
    r->desk = (struct dns_desk){.worker = {.fd = r->crew.dns.fd},
                                .runner = r->crew.runner.fd,
                                .directory = r->place.directory,
                                .settings = &r->place.settings,
                                .report = &r->report};
    return ERR_OK;
}

static void print(const struct run *r, struct buf *output)
{
    if (r->c->json) {
        printf("%.*s\n", (int)output->len, (const char *)output->data);
        *r->c->printed = true;
    }
}

/* Each name by itself, with what was found for it before rights were given up: files are
 * named by relative paths, too. The first failure is the result, when all were tried. */
static enum err run_all(struct run *r, struct config_list names,
                        enum err (*one)(struct run *r, const char *name,
                                        struct err_info *why),
                        struct err_info *why)
{
    struct err_info first = {0};
    size_t failed = 0;

    json_write_begin_array(r->json, NULL);
    for (size_t i = 0; i < names.count; i++) {
        struct err_info own = {0};
        json_write_begin_object(r->json, NULL);
        json_write_text(r->json, "name", names.items[i]);
        r->dns = r->found[i];
        enum err result = one(r, names.items[i], &own);
        if (result != ERR_OK) {
            json_write_text(r->json, "error", own.detail);
            if (failed++ > 0)
                report_warning("%s: %s", names.items[i], own.detail);
            else
                first = own;
        }
        json_write_end_object(r->json);
        if (result == ERR_INTERRUPTED || result == ERR_IO)
            break;
    }
    json_write_end_array(r->json);
    if (failed == 0)
        return ERR_OK;
    *why = first;
    return why->code;
}

static enum err run(const struct client_command *c,
                    enum err (*one)(struct run *r, const char *name,
                                    struct err_info *why),
                    struct err_info *why)
{
    AUTO(buf) struct buf output = buf_make(OUTPUT_MAX);
    struct json_writer json = json_writer_make(&output);
    struct run r = {
        .c = c, .report = {.json = c->json, .quiet = c->quiet}, .json = &json};
    struct config_list names;

    TRY(place_find(c, &r.place, why));
    TRY(command_dns_names(c, true, &names, why));
    r.files = work_files_make(c->arena, r.place.directory);
    r.found = arena_array(c->arena, names.count, sizeof *r.found);
    for (size_t i = 0; i < names.count; i++) {
        TRY(find_dns(&r, names.items[i], why)); /* nothing is begun that cannot go on */
        r.found[i] = r.dns;
    }
    enum err result = start(&r, why);
    if (result == ERR_OK) {
        result = run_all(&r, names, one, why);
        print(&r, &output);
        dns_desk_close(&r.desk);
    }
    crew_end(&r.crew);
    return result;
}

/* ---- the commands ---- */

static enum err test_one(struct run *r, const char *name, struct err_info *why)
{
    struct dns_task task = {0};

    json_write_text(r->json, "provider", r->dns->provider);
    enum err result = dns_trial_run(&r->desk, r->c->arena, r->dns, name, &task, why);
    if (task.name != NULL) {
        json_write_text(r->json, "record", task.owner);
        json_write_text(r->json, "zone", task.zone);
    }
    TRY(result);
    report_step(&r->report, "good", "%s: records are added%s", name,
                dns_provider_keeps(r->dns) ? " and seen" : ", seen and removed");
    return ERR_OK;
}

static enum err register_one(struct run *r, const char *name, struct err_info *why)
{
    const struct dns_use use = {.arena = r->c->arena,
                                .dns = r->dns,
                                .settings = &r->place.settings,
                                .directory = r->place.directory,
                                .worker = &r->desk.worker,
                                .runner = r->desk.runner,
                                .report = &r->report};
    struct dns_acme_dns_account account = {0};
    bool is_new = false;

    if (strcmp(r->dns->provider, "acme-dns") != 0)
        return err_set(why, ERR_USAGE, "%s: only acme-dns wants accounts registered",
                       dns_provider_option(r->c->arena, r->dns, "provider"));
    TRY(dns_desk_hold(&r->desk, r->c->arena, why));
    TRY(dns_acme_dns_need(&use, name, &account, &is_new, why));
    json_write_text(r->json, "record",
                    arena_printf(r->c->arena, "_acme-challenge.%s", name));
    json_write_text(r->json, "alias", account.fulldomain);
    json_write_bool(r->json, "registered", is_new);
    if (!r->c->json)
        printf("_acme-challenge.%s. CNAME %s.\n", name, account.fulldomain);
    return ERR_OK;
}

enum err command_dns_test(const struct client_command *c, struct err_info *why)
{
    return run(c, test_one, why);
}

enum err command_dns_register(const struct client_command *c, struct err_info *why)
{
    return run(c, register_one, why);
}
