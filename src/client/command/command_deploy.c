/* cairn deploy: certificates to where they are used, once more. */
#include <stdio.h>
#include <string.h>

#include "client/command/status.h"
#include "client/deploy/deploy.h"
#include "client/store/state.h"
#include "client/work/work_confine.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

/* A run, and what came of it. */
struct run {
    const struct client_command *c;
    const struct place *place;
    struct crew *crew;
    const char *const *only; /* names of deployments; NULL: all */
    struct report report;
    struct json_writer *json;
    size_t done, failed; /* deployments */
    enum err last;       /* failure */
};

/* What --only names, once each word; ends with NULL. */
static const char *const *read_only(const struct client_command *c)
{
    size_t count = 1;

    if (c->only.count == 0)
        return NULL;
    for (size_t i = 0; i < c->only.count; i++)
        count += strlen(c->only.items[i]) + 1;
    const char **names = arena_get(c->arena, count * sizeof *names);
    count = 0;
    for (size_t i = 0; i < c->only.count; i++) {
        char *rest = arena_string(c->arena, c->only.items[i]);
        for (const char *n = strsep(&rest, ","); n != NULL; n = strsep(&rest, ","))
            names[count++] = n;
    }
    names[count] = NULL;
    return names;
}

static bool has(const struct wanted *w, const char *deployment)
{
    for (size_t i = 0; i < w->deployment_count; i++)
        if (strcmp(w->deployments[i]->name, deployment) == 0)
            return true;
    return false;
}

/* Is each that --only names one of some certificate? A typing error must not look like
 * nothing to do. */
static enum err check_only(const struct client_command *c, const struct place *p,
                           const struct place_names *names, const char *const *only,
                           struct err_info *why)
{
    for (size_t i = 0; only != NULL && only[i] != NULL; i++) {
        bool found = false;
        for (size_t k = 0; k < names->count && !found; k++) {
            struct status s;
            status_read(c->arena, p, names->items[k], clock_now(), &s);
            found = s.wants && has(&s.wanted, only[i]);
        }
        if (!found)
            return err_set(why, ERR_USAGE,
                           "--only: none of these certificates has a deployment "
                           "\"%.100s\"; cairn show CERTIFICATE tells what it has",
                           only[i]);
    }
    return ERR_OK;
}

static bool is_meant(const struct run *r, const struct wanted *w)
{
    for (size_t i = 0; r->only != NULL && r->only[i] != NULL; i++)
        if (has(w, r->only[i]))
            return true;
    return r->only == NULL && w->deployment_count > 0;
}

/* With the certificate's lock, as its files must stay while they are read. */
static enum err deploy(struct run *r, struct arena *a, const struct status *s,
                       struct deploy_outcome *outcome, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    const struct deploy d = {.directory = r->place->directory,
                             .wanted = &s->wanted,
                             .runner = r->crew->runner.fd,
                             .network = r->crew->network.fd,
                             .report = &r->report,
                             .forced = true,
                             .only = r->only};

    TRY(state_lock_certificate(a, r->place->directory, s->name, 1000 * r->c->wait, &lock,
                               why));
    return deploy_run(a, &d, outcome, why);
}

static void tell(struct run *r, const struct status *s, const char *outcome,
                 const struct err_info *why)
{
    json_write_begin_object(r->json, NULL);
    json_write_text(r->json, "name", s->name);
    json_write_text(r->json, "outcome", outcome);
    if (why->code != ERR_OK)
        json_write_text(r->json, "error", why->detail);
    if (s->wants && s->wanted.deployment_count > 0)
        deploy_write_status(r->json, r->place->directory, &s->wanted);
    json_write_end_object(r->json);
}

static enum err deploy_one(struct run *r, const char *name, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct deploy_outcome outcome = {0};
    struct err_info failure = {0};
    enum err result = ERR_OK;
    struct status s;

    status_read(a, r->place, name, clock_now(), &s);
    bool meant = s.there && s.wants && is_meant(r, &s.wanted);
    if (s.problem != NULL)
        result = err_set(&failure, s.wants ? ERR_MALFORMED : ERR_CONFIG, "%s", s.problem);
    else if (meant)
        result = deploy(r, a, &s, &outcome, &failure);
    if (result == ERR_INTERRUPTED)
        return err_set(why, result, "%s", failure.detail);
    r->done += outcome.done;
    r->failed += result == ERR_DEPLOY ? outcome.failed : result != ERR_OK;
    if (result != ERR_OK) {
        r->last = result;
        report_failure(name, failure.detail);
    } else if (!meant) {
        report_step(&r->report, "nothing", "%s: %s", name,
                    s.wants ? "it goes nowhere by deployments"
                            : "nothing says any more where it goes");
    }
    tell(r, &s, result != ERR_OK ? "failed" : meant ? "deployed" : "nothing", &failure);
    return ERR_OK;
}

static enum err deploy_all(struct run *r, const struct place_names *names,
                           struct err_info *why)
{
    TRY(check_only(r->c, r->place, names, r->only, why));
    TRY(state_prepare(r->c->arena, r->place->directory, why));
    struct work_files files = work_files_make(r->c->arena, r->place->directory);
    work_files_add_names(&files, r->place->directory, &r->place->settings, names->items,
                         names->count);
    TRY(crew_start(r->crew, why)); /* for all of them: none is started after a key */
    TRY(work_confine(r->crew, &files, why));
    for (size_t i = 0; i < names->count; i++) {
        if (interrupt_signal() != 0)
            return err_set(why, ERR_INTERRUPTED, "interrupted");
        TRY(deploy_one(r, names->items[i], why));
    }
    report_step(&r->report, "done", "%zu certificate%s, %zu deployed, %zu failed",
                names->count, names->count == 1 ? "" : "s", r->done, r->failed);
    if (r->failed == 0)
        return ERR_OK;
    return err_set(why, r->last, "%zu of %zu deployments failed", r->failed,
                   r->done + r->failed);
}

enum err command_deploy(const struct client_command *c, struct err_info *why)
{
    AUTO(crew) struct crew crew = {0};
    AUTO(buf) struct buf text = buf_make(OUTPUT_MAX);
    struct json_writer json = json_writer_make(&text);
    struct place_names names;
    struct place place;
    struct run r = {.c = c,
                    .place = &place,
                    .crew = &crew,
                    .only = read_only(c),
                    .report = {.json = c->json, .quiet = c->quiet},
                    .json = &json};

    if (c->all == (c->arguments.count > 0))
        return err_set(why, ERR_USAGE,
                       c->all ? "name certificates, or say --all, not both"
                              : "name the certificates, or say --all");
    TRY(place_find(c, &place, why));
    TRY(place_stored(c, &place, &names, why));
    json_write_begin_array(&json, NULL);
    enum err result = deploy_all(&r, &names, why);
    json_write_end_array(&json);
    if (c->json && (result == ERR_OK || text.len > sizeof "[]")) {
        printf("%.*s\n", (int)text.len, (const char *)text.data);
        *c->printed = true;
    }
    *c->unchanged = r.done == 0;
    return result;
}
