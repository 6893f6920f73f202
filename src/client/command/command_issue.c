/* cairn issue: names in, certificate out; nothing to do if it is there. */
#include <stdio.h>
#include <string.h>

#include "client/command/client_command.h"
#include "client/command/dry_run.h"
#include "client/command/issue_settings.h"
#include "client/store/metadata.h"
#include "client/store/remembered.h"
#include "client/store/state.h"
#include "client/work/issuing.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "core/base/clock.h"

#define OUTPUT_MAX (256 * 1024) /* octets */

static void print_json(const struct wanted *w, const struct work_result *r, bool dry)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer j = json_writer_make(&b);

    json_write_begin_object(&j, NULL);
    json_write_text(&j, "name", w->certificate->name);
    json_write_bool(&j, "issued", r->outcome == WORK_ISSUED);
    json_write_text(&j, "path", r->path);
    metadata_write_members(&j, &r->metadata);
    json_write_time(&j, "due", r->due);
    if (dry)
        json_write_bool(&j, "dry_run", true);
    json_write_end_object(&j);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

static void say_kept(const struct work *k, const struct wanted *w,
                     const struct work_result *r)
{
    char until[CLOCK_TEXT_SIZE];

    report_moment(until, r->metadata.parts[0].not_after,
                  certificate_store_lifetime(&r->metadata));
    report_step(&k->report, "kept", "%s is valid until %s; --force makes a new one",
                w->certificate->name, until);
}

/* What is in the file would be as the file says again with the next renewal. */
static enum err refuse_declared(const struct client_command *c,
                                const struct settings *base, const char *name,
                                struct err_info *why)
{
    if (settings_certificate(base, name) == NULL)
        return ERR_OK;
    return err_set(why, ERR_USAGE,
                   "%s is described in %s: change it there and type cairn apply %s, or "
                   "call this one something else with --name",
                   name, c->config != NULL ? c->config : SETTINGS_FILE_DEFAULT, name);
}

/* One that is there stays with its CA unless another is said. */
static void keep_cas(const struct client_command *c, const char *directory,
                     const struct settings *base, struct wanted *w)
{
    struct err_info ignored = {0};
    struct wanted before;

    if (c->ca != NULL || c->ca_file != NULL || c->email != NULL || c->eab_kid != NULL ||
        remembered_get(c->arena, directory, w->certificate->name, base, &before,
                       &ignored) != ERR_OK)
        return;
    memcpy(w->cas, before.cas, sizeof w->cas);
    w->ca_count = before.ca_count;
}

enum err command_issue(const struct client_command *c, struct err_info *why)
{
    AUTO(dry_run) struct dry_run dry = {0};
    AUTO(crew) struct crew crew = {0};
    struct settings base;
    struct wanted w;
    struct work_result r;
    struct work k = {.crew = &crew,
                     .agree_terms = c->agree_terms,
                     .wait_ms = 1000 * c->wait,
                     .forced = c->force,
                     .anew = true,
                     .careful = true,
                     .by_hand = true,
                     .report = {.json = c->json, .quiet = c->quiet}};

    TRY(settings_load(c->arena, c->config, &base, why));
    TRY(issue_settings_make(c, &base, &w, why));
    TRY(refuse_declared(c, &base, w.certificate->name, why));
    TRY(client_command_directory(c, &base, &k.directory, why));
    TRY(state_check(c->arena, k.directory, why));
    keep_cas(c, k.directory, &base, &w);
    if (c->dry_run) {
        TRY(dry_run_wanted(c->arena, &w, why));
        TRY(dry_run_begin(c->arena, &dry, why));
        TRY(dry_run_share(c->arena, k.directory, &dry, why));
        k.directory = dry.directory;
    }
    TRY(state_prepare(c->arena, k.directory, why));
    TRY(issuing_prepare(&crew, &base, k.directory, &k.report, why));
    struct work_files files = work_files_make(c->arena, k.directory);
    work_files_add_wanted(&files, &w);
    dry_run_files(&dry, &files);
    TRY(work_confine(&crew, &files, why));
    enum err result = work_certificate(c->arena, &k, &w, &r, why);
    if (result != ERR_OK && result != ERR_DEPLOY)
        return result;
    if (r.outcome == WORK_UNCHANGED)
        say_kept(&k, &w, &r);
    if (!c->dry_run)
        TRY(remembered_put(c->arena, k.directory, &w, why));
    TRY(result);
    *c->unchanged = r.outcome == WORK_UNCHANGED;
    if (c->json)
        print_json(&w, &r, c->dry_run);
    return ERR_OK;
}
