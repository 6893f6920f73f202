/* cairn import: what another client has becomes ours. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/adopt/adopt_take.h"
#include "client/command/issue_settings.h"
#include "client/command/place.h"
#include "client/store/state.h"
#include "client/work/work_confine.h"
#include "core/base/file.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

static const char *word(enum adopt_outcome outcome)
{
    return outcome == ADOPT_NEW       ? "new"
           : outcome == ADOPT_CHANGED ? "changed"
           : outcome == ADOPT_HERE    ? "here"
           : outcome == ADOPT_SKIPPED ? "skipped"
                                      : "failed";
}

/* The CA that --ca names, as a URL. */
static enum err find_ca(const struct client_command *c, const struct settings *s,
                        const char **url, struct err_info *why)
{
    const struct settings_ca *known = c->ca != NULL ? settings_ca(s, c->ca) : NULL;

    *url = known != NULL ? known->directory : c->ca;
    if (*url != NULL && strncmp(*url, "https://", 8) != 0)
        return err_set(why, ERR_USAGE,
                       "--ca: \"%.100s\" is neither a CA that is known nor an https URL",
                       *url);
    return ERR_OK;
}

static const char *join(struct arena *a, const struct config_list *list)
{
    const char *all = "";

    for (size_t i = 0; i < list->count; i++)
        all = arena_printf(a, "%s%s%s", all, i > 0 ? " " : "", list->items[i]);
    return all;
}

/* How its names will be proved, in a few words. */
static const char *way(struct arena *a, const struct settings_certificate *w)
{
    const char *types = w->challenges.count > 0 ? join(a, &w->challenges) : "http-01";

    if (w->dns.count > 0)
        return arena_printf(a, "%s by %s", types, join(a, &w->dns));
    return strncmp(types, "http-01", 7) == 0 ? arena_printf(a, "%s by %s", types, w->http)
                                             : types;
}

static void print_lines(const struct client_command *c, const struct adopt *found,
                        const struct adopt_taken *taken)
{
    const struct report report = {.quiet = c->quiet};

    for (size_t i = 0; i < found->account_count; i++)
        report_step(&report, "account", "%s: %s (%s)", found->accounts[i].ca,
                    word(taken->accounts[i]), found->accounts[i].file);
    for (size_t i = 0; i < found->certificate_count; i++) {
        const struct adopt_certificate *one = found->certificates[i];
        report_step(&report, "take", "%s: %s, for %s, %s%s%s", one->name,
                    word(taken->certificates[i]), join(c->arena, &one->want->names),
                    way(c->arena, one->want),
                    one->want->deploy.count > 0 ? ", deployed by " : "",
                    join(c->arena, &one->want->deploy));
    }
    for (size_t i = 0; i < found->secret_count; i++)
        report_step(&report, "secret", "%s/credentials/%s", found->state,
                    found->secrets[i].name);
    for (size_t i = 0; i < found->remark_count; i++)
        report_step(&report, "note", "%s: %s", found->remarks[i].subject,
                    found->remarks[i].text);
    report_step(&report, "done",
                "%zu account%s, %zu certificate%s; %zu new, %zu skipped, %zu failed%s",
                found->account_count, found->account_count == 1 ? "" : "s",
                found->certificate_count, found->certificate_count == 1 ? "" : "s",
                taken->changed, taken->skipped, taken->failed,
                c->dry_run ? "; nothing was changed (--dry-run)" : "");
}

static void print_json(const struct client_command *c, const struct adopt *found,
                       const struct adopt_taken *taken)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "client", found->from);
    json_write_text(&w, "folder", found->folder);
    json_write_bool(&w, "dry_run", c->dry_run);
    json_write_begin_array(&w, "accounts");
    for (size_t i = 0; i < found->account_count; i++) {
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "ca", found->accounts[i].ca);
        json_write_text(&w, "url", found->accounts[i].url);
        json_write_text(&w, "outcome", word(taken->accounts[i]));
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    json_write_begin_array(&w, "certificates");
    for (size_t i = 0; i < found->certificate_count; i++) {
        const struct adopt_certificate *one = found->certificates[i];
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "name", one->name);
        json_write_begin_array(&w, "names");
        for (size_t k = 0; k < one->want->names.count; k++)
            json_write_text(&w, NULL, one->want->names.items[k]);
        json_write_end_array(&w);
        json_write_text(&w, "proved_by", way(c->arena, one->want));
        json_write_text(&w, "outcome", word(taken->certificates[i]));
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    json_write_number(&w, "skipped", (int64_t)taken->skipped);
    json_write_begin_array(&w, "notes");
    for (size_t i = 0; i < found->remark_count; i++) {
        json_write_begin_object(&w, NULL);
        json_write_text(&w, "about", found->remarks[i].subject);
        json_write_text(&w, "note", found->remarks[i].text);
        json_write_end_object(&w);
    }
    json_write_end_array(&w);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* Is there no folder that it will be in, but the root's? Below that, nothing can be made
 * by a process that is confined (work_files_make). */
static bool is_in_root(struct arena *a, const char *directory)
{
    char *top = arena_string(a, directory);
    char *slash = top[0] == '/' ? strchr(top + 1, '/') : NULL;

    if (slash != NULL)
        *slash = '\0';
    return top[0] == '/' && !file_exists(top);
}

/* It reads whatever the other client's files name, writes to the state folder only (until
 * there is one, to the folder where it is made), starts nothing and connects nowhere. */
static enum err confine(const struct client_command *c, const struct place *p,
                        struct err_info *why)
{
    struct work_files files = work_files_make(c->arena, p->directory);

    work_files_add(&files, "/", JAIL_READ);
    return work_confine_alone(&files, why);
}

enum err command_import(const struct client_command *c, struct err_info *why)
{
    char ca_file[PATH_MAX];
    struct adopt found = {.keep_paths = c->keep_paths};
    struct adopt_taken taken;
    struct place place;

    if (c->arguments.count < 1 || c->arguments.count > 2)
        return err_set(
            why, ERR_USAGE,
            "say which CLIENT: certbot, acme.sh, lego, dehydrated or uacme, and "
            "perhaps the FOLDER where it keeps its files");
    TRY(place_find(c, &place, why));
    TRY(find_ca(c, &place.settings, &found.ca, why));
    if (c->ca_file != NULL) {
        if (realpath(c->ca_file, ca_file) == NULL)
            return err_set_os(why, ERR_USAGE, errno, "--ca-file %s", c->ca_file);
        found.ca_file = ca_file;
    }
    found.state = place.directory;
    if (c->http != NULL &&
        issue_settings_way(c->arena, c->http, &found.http, why) != ERR_OK)
        return err_prefix(why, "--http");
    found.http_port = c->http_port;
    found.dnsapi = place.settings.hooks_dnsapi;
    if (!c->dry_run && is_in_root(c->arena, place.directory))
        TRY(state_prepare(c->arena, place.directory, why));
    TRY(confine(c, &place, why));
    TRY(adopt_read(c->arena, c->arguments.items[0],
                   c->arguments.count > 1 ? c->arguments.items[1] : NULL, &found, why));
    TRY(adopt_take(&found, c->dry_run, &taken, why));
    if (c->json)
        print_json(c, &found, &taken);
    else
        print_lines(c, &found, &taken);
    *c->unchanged = taken.changed == 0;
    *c->printed = c->json;
    if (taken.failed > 0)
        return err_set(why, ERR_IO, "%zu of what %s has could not be taken over",
                       taken.failed, found.from);
    if (taken.skipped > 0 && taken.changed == 0)
        return err_set(why, ERR_IO,
                       "nothing new was taken over, and %zu of what %s has %s skipped; "
                       "the notes say why",
                       taken.skipped, found.from, taken.skipped == 1 ? "was" : "were");
    return ERR_OK;
}
