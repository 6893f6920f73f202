/* One certificate after the other. */
#include "client/command/batch.h"

#include <string.h>

#include "client/agent/agent_survey.h"
#include "client/command/dry_run.h"
#include "client/store/state.h"
#include "client/work/issuing.h"
#include "client/work/work_confine.h"
#include "client/work/work_many.h"
#include "core/base/file.h"
#include "core/base/interrupt.h"

/* A run, and what came of it. */
struct run {
    const struct batch *batch;
    struct work work;
    size_t issued; /* also those that did not get everywhere then */
    size_t deployed;
    size_t undeployed; /* whatever came of it before */
    size_t waiting;
    size_t failed;
    enum err last; /* the last failure's code */
    int last_wait; /* and how long the CA wants to be left in peace */
};

/* Does nothing say any more how it is got? A key that is not in its device any more is
 * not found either, and a failure. */
static bool is_left_over(const struct run *r, const struct work_many_result *one)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct place *place = r->batch->place;
    struct err_info ignored = {0};
    struct wanted w;

    return one->result == ERR_NOT_FOUND && r->batch->skips_left_over &&
           work_find(a, place->directory, &place->settings, one->name, &w, &ignored) ==
               ERR_NOT_FOUND;
}

/* Is there a new version, wherever it got? */
static bool is_issued(const struct work_many_result *one)
{
    return one->outcome == WORK_ISSUED &&
           (one->result == ERR_OK || one->result == ERR_DEPLOY);
}

static const char *outcome_of(const struct run *r, const struct work_many_result *one)
{
    if (is_left_over(r, one))
        return "left over";
    if (one->result == ERR_DEPLOY)
        return "not deployed";
    if (one->result != ERR_OK)
        return "failed";
    switch (one->outcome) {
    case WORK_ISSUED:
        return "renewed";
    case WORK_DEPLOYED:
        return "deployed";
    case WORK_WAITING:
        return "waiting";
    default:
        return "not due";
    }
}

static void note(const struct run *r, const struct work_many_result *one)
{
    struct json_writer *json = r->batch->json;
    const char *outcome = outcome_of(r, one);

    json_write_begin_object(json, NULL);
    json_write_text(json, "name", one->name);
    json_write_text(json, "outcome", outcome);
    json_write_bool(json, "renewed", is_issued(one));
    if (one->result != ERR_OK && strcmp(outcome, "left over") != 0)
        json_write_text(json, "error", one->why.detail);
    if (one->result == ERR_OK && one->reason[0] != '\0')
        json_write_text(json, "reason", one->reason);
    if (one->not_after != 0)
        json_write_time(json, "not_after", one->not_after);
    json_write_end_object(json);
}

static void done(void *context, const struct work_many_result *one)
{
    struct run *r = context;

    note(r, one);
    if (is_left_over(r, one))
        return;
    r->issued += is_issued(one);
    if (one->result != ERR_OK) {
        r->undeployed += one->result == ERR_DEPLOY;
        r->failed += one->result != ERR_DEPLOY;
        r->last = one->result == ERR_USAGE ? ERR_CONFIG : one->result; /* not typed */
        r->last_wait = one->why.retry_after_seconds;
        report_failure(one->name, one->why.detail);
    } else if (one->outcome == WORK_WAITING) {
        r->waiting++;
        report_step(&r->work.report, "waits", "%s: %s", one->name, one->reason);
    } else if (one->outcome == WORK_DEPLOYED) {
        r->deployed++;
    } else if (one->outcome == WORK_UNCHANGED && one->reason[0] != '\0') {
        report_step(&r->work.report, "kept", "%s: %s", one->name, one->reason);
    }
}

/* Is there one that can be? If not, the state folder is not touched at all. */
static bool can_try(const struct batch *b)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct place *place = b->place;
    struct err_info ignored = {0};
    struct wanted w;

    for (size_t i = 0; i < b->names.count; i++)
        if (work_find(a, place->directory, &place->settings, b->names.items[i], &w,
                      &ignored) == ERR_OK &&
            dry_run_wanted(a, &w, &ignored) == ERR_OK)
            return true;
    return false;
}

/* At the CAs' staging directories: one after the other, each in its own arena. */
static enum err try_all(struct run *r, const struct dry_run *dry, struct err_info *why)
{
    AUTO(arena) struct arena *own = arena_new();
    struct work_files files = work_files_make(own, r->work.directory);
    const struct place_names *names = &r->batch->names;
    const struct place *place = r->batch->place;

    work_files_add_names(&files, place->directory, &place->settings, names->items,
                         names->count);
    for (size_t i = 0; i < names->count; i++) /* what is remembered of it, and no key */
        work_files_add(&files,
                       arena_printf(own, "%s/certificates/%s/cairn.yaml",
                                    place->directory, names->items[i]),
                       JAIL_READ);
    dry_run_files(dry, &files);
    TRY(work_confine(r->work.crew, &files, why));
    for (size_t i = 0; i < names->count && interrupt_signal() == 0; i++) {
        AUTO(arena) struct arena *a = arena_new();
        struct work_many_result one = {.name = names->items[i]};
        struct wanted w;
        one.result =
            work_find(a, place->directory, &place->settings, one.name, &w, &one.why);
        if (one.result == ERR_OK)
            one.result = dry_run_wanted(a, &w, &one.why);
        work_many_one(a, &r->work, one.result == ERR_OK ? &w : NULL, &one);
        done(r, &one);
    }
    return ERR_OK;
}

/* ", 2 deployed"; nothing if there are none. */
static const char *counted(struct arena *a, size_t count, const char *what)
{
    return count > 0 ? arena_printf(a, ", %zu %s", count, what) : "";
}

/* How many failed, if any did: what was renewed is there, wherever it did not get. */
static enum err judge(const struct run *r, struct err_info *why)
{
    size_t count = r->batch->names.count;

    if (r->failed + r->undeployed == 0)
        return ERR_OK;
    if (r->undeployed == 0)
        (void)err_set(why, r->last, "%zu of %zu certificates could not be %s", r->failed,
                      count, r->batch->verb);
    else if (r->failed == 0)
        (void)err_set(why, r->last, "%zu of %zu certificates could not be deployed",
                      r->undeployed, count);
    else
        (void)err_set(why, r->last,
                      "%zu of %zu certificates could not be %s, and %zu not deployed",
                      r->failed, count, r->batch->verb, r->undeployed);
    why->retry_after_seconds = r->last_wait;
    return r->last;
}

static enum err run_all(struct run *r, const struct dry_run *dry, struct err_info *why)
{
    const struct place_names *names = &r->batch->names;
    struct arena *a = r->batch->c->arena;

    TRY(issuing_prepare(r->work.crew, &r->batch->place->settings, r->work.directory,
                        &r->work.report, why));
    if (r->batch->c->dry_run)
        TRY(try_all(r, dry, why));
    else
        TRY(work_many(&r->work, &r->batch->place->settings, names->items, names->count,
                      done, r, why));
    report_step(&r->work.report, "done",
                "%zu certificate%s, %zu %s%s%s, %zu waiting, %zu failed", names->count,
                names->count == 1 ? "" : "s", r->issued, r->batch->verb,
                counted(a, r->deployed, "deployed"),
                counted(a, r->undeployed, "not deployed"), r->waiting, r->failed);
    return judge(r, why);
}

enum err batch_run(const struct batch *b, size_t *changed, struct err_info *why)
{
    const struct client_command *c = b->c;
    AUTO(crew) struct crew crew = {0};
    AUTO(dry_run) struct dry_run dry = {0};
    struct run r = {.batch = b,
                    .work = {.crew = &crew,
                             .directory = b->place->directory,
                             .agree_terms = c->agree_terms,
                             .wait_ms = 1000 * c->wait,
                             .forced = c->force,
                             .careful = b->careful,
                             .by_hand = c->dry_run || c->arguments.count > 0,
                             .report = {.json = c->json, .quiet = c->quiet}}};

    if (c->dry_run) {
        TRY(dry_run_begin(c->arena, &dry, why));
        if (can_try(b))
            TRY(dry_run_share(c->arena, b->place->directory, &dry, why));
        r.work.directory = dry.directory;
    }
    *changed = 0;
    if (b->names.count == 0 && !file_exists(r.work.directory)) {
        report_step(&r.work.report, "done", "there is no %s, and nothing to do",
                    r.work.directory);
        return ERR_OK;
    }
    TRY(state_prepare(c->arena, r.work.directory, why));
    enum err result = run_all(&r, &dry, why);
    if (!c->dry_run)
        agent_survey_keep(b->place->directory, &b->place->settings);
    *changed = r.issued + r.deployed;
    return result;
}
