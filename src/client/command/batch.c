/* One certificate after the other. */
#include "client/command/batch.h"

#include "client/command/dry_run.h"
#include "client/store/state.h"
#include "client/work/issuing.h"
#include "client/work/work.h"
#include "core/base/interrupt.h"

/* A run, and what came of it. */
struct run {
    const struct batch *batch;
    struct work work;
    size_t due;
    size_t failed;
    enum err last; /* the last failure's code */
};

static void note(const struct run *r, const char *name, const char *outcome,
                 const char *error, const struct work_result *result)
{
    struct json_writer *json = r->batch->json;

    json_write_begin_object(json, NULL);
    json_write_text(json, "name", name);
    json_write_text(json, "outcome", outcome);
    if (error != NULL)
        json_write_text(json, "error", error);
    if (result != NULL && result->metadata.part_count > 0)
        json_write_time(json, "not_after", result->metadata.parts[0].not_after);
    json_write_end_object(json);
}

static void fail(struct run *r, const char *name, enum err code,
                 const struct err_info *why)
{
    r->due++;
    r->failed++;
    r->last = code;
    report_warning("%s: %s", name, why->detail);
    note(r, name, "failed", why->detail, NULL);
}

static const char *outcome(enum work_outcome outcome)
{
    switch (outcome) {
    case WORK_ISSUED:
        return "renewed";
    case WORK_DEPLOYED:
        return "deployed";
    default:
        return "not due";
    }
}

static void do_one(struct run *r, const char *name)
{
    /* its own arena: ten thousand certificates in one run must not add up */
    AUTO(arena) struct arena *a = arena_new();
    const struct place *place = r->batch->place;
    struct err_info why = {0};
    struct work_result result;
    struct wanted w;

    enum err failure = work_find(a, place->directory, &place->settings, name, &w, &why);
    if (failure == ERR_NOT_FOUND && r->batch->skips_left_over) {
        note(r, name, "left over", NULL, NULL);
        return;
    }
    if (failure == ERR_OK && r->batch->c->dry_run)
        failure = dry_run_wanted(a, &w, &why);
    if (failure == ERR_OK)
        failure = work_certificate(a, &r->work, &w, &result, &why);
    if (failure != ERR_OK) {
        fail(r, name, failure, &why);
        return;
    }
    r->due += result.outcome != WORK_UNCHANGED;
    note(r, name, outcome(result.outcome), NULL, &result);
}

static enum err run_all(struct run *r, struct err_info *why)
{
    const struct place_names *names = &r->batch->names;

    TRY(issuing_prepare(r->work.crew, r->work.directory, &r->work.report, why));
    for (size_t i = 0; i < names->count && interrupt_signal() == 0; i++)
        do_one(r, names->items[i]);
    report_step(&r->work.report, "done", "%zu certificate%s, %zu due, %zu %s, %zu failed",
                names->count, names->count == 1 ? "" : "s", r->due, r->due - r->failed,
                r->batch->verb, r->failed);
    if (r->failed > 0)
        return err_set(why, r->last, "%zu of %zu certificates could not be %s", r->failed,
                       r->due, r->batch->verb);
    return ERR_OK;
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
                             .forced = c->force,
                             .report = {.json = c->json, .quiet = c->quiet}}};

    if (c->dry_run) {
        TRY(dry_run_begin(c->arena, &dry, why));
        r.work.directory = dry.directory;
    }
    TRY(state_prepare(c->arena, r.work.directory, why));
    TRY(state_lock(c->arena, r.work.directory, why));
    enum err result = run_all(&r, why);
    *changed = r.due - r.failed;
    return result;
}
