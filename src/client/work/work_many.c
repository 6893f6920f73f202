/* Many certificates. */
#include "client/work/work_many.h"

#include <stdlib.h>
#include <string.h>

#include "client/deploy/deploy.h"
#include "client/work/issuing.h"
#include "client/work/work_confine.h"
#include "client/work/work_look.h"
#include "client/work/work_places.h"
#include "client/work/worker_pool.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

/* ---- names ---- */

static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

enum err work_many_names(struct arena *a, const char *directory,
                         const struct settings *settings, const char *const **names,
                         size_t *count, struct err_info *why)
{
    const char *const *stored = NULL;
    size_t stored_count = 0;
    size_t used = 0;

    TRY(certificate_store_list(a, directory, &stored, &stored_count, why));
    size_t most = stored_count + settings->certificates.count;
    const char **all = arena_array(a, most + 1, sizeof *all);
    for (size_t i = 0; i < stored_count; i++)
        all[used++] = stored[i];
    for (size_t i = 0; i < settings->certificates.count; i++)
        all[used++] =
            ((const struct settings_certificate *)settings->certificates.members[i])
                ->name;
    qsort(all, used, sizeof *all, compare);
    size_t kept = 0;
    for (size_t i = 0; i < used; i++)
        if (kept == 0 || strcmp(all[kept - 1], all[i]) != 0)
            all[kept++] = all[i];
    *names = all;
    *count = kept;
    return ERR_OK;
}

/* ---- in a worker ---- */

static const char *const outcomes[] = {
    [WORK_UNCHANGED] = "unchanged",
    [WORK_ISSUED] = "issued",
    [WORK_DEPLOYED] = "deployed",
    [WORK_WAITING] = "waiting",
};

const char *work_many_outcome(const struct work_many_result *r)
{
    return r->result != ERR_OK ? "failed" : outcomes[r->outcome];
}

static void fill(struct work_many_result *to, const struct work_result *r)
{
    to->outcome = r->outcome;
    to->reason = r->reason != NULL ? r->reason : "";
    to->path = r->path != NULL ? r->path : "";
    to->due = r->due;
    to->not_after = r->metadata.part_count > 0 ? r->metadata.parts[0].not_after : 0;
}

static void write_record(struct buf *record, const struct work_many_result *r)
{
    struct json_writer w = json_writer_make(record);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "outcome", outcomes[r->outcome]);
    json_write_text(&w, "reason", r->reason);
    json_write_text(&w, "path", r->path);
    json_write_number(&w, "not_after", r->not_after);
    json_write_number(&w, "due", r->due);
    json_write_end_object(&w);
}

void work_many_read(struct arena *a, struct span record, struct work_many_result *r)
{
    const struct json *object = NULL;
    struct err_info ignored = {0};
    const char *outcome = NULL;

    r->reason = r->path = "";
    if (record.len == 0 || json_read(a, record, &object, &ignored) != ERR_OK)
        return;
    outcome = json_text(json_member(object, "outcome"));
    for (size_t i = 0; outcome != NULL && i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(outcomes[i], outcome) == 0)
            r->outcome = (enum work_outcome)i;
    const char *reason = json_text(json_member(object, "reason"));
    const char *path = json_text(json_member(object, "path"));
    r->reason = reason != NULL ? reason : "";
    r->path = path != NULL ? path : "";
    r->not_after = json_whole(json_member(object, "not_after"));
    r->due = json_whole(json_member(object, "due"));
}

void work_many_one(struct arena *a, const struct work *k, const struct wanted *w,
                   struct work_many_result *r)
{
    struct work_result result = {0};

    r->reason = r->path = "";
    if (w == NULL)
        return;
    r->result = work_certificate(a, k, w, &result, &r->why);
    fill(r, &result);
}

static void do_one(struct arena *a, const struct work *k, const struct settings *settings,
                   struct work_many_result *r)
{
    struct wanted w;

    r->result = work_find(a, k->directory, settings, r->name, &w, &r->why);
    work_many_one(a, k, r->result == ERR_OK ? &w : NULL, r);
}

/* What cannot be finished now is tried by the next one. */
static void prepare(struct work_many_context *c)
{
    struct err_info why = {0};

    c->prepares = false; /* of this process */
    if (issuing_prepare(&c->crew, c->settings, c->work.directory, &c->work.report,
                        &why) != ERR_OK)
        report_warning("%s", why.detail);
}

/* It has prepared, and forks no more. */
static enum err confine(struct work_many_context *c, const char *name,
                        struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct work_files files = work_files_make(a, c->work.directory);

    if (c->crew.confined)
        return ERR_OK;
    if (c->names != NULL)
        work_files_add_names(&files, c->work.directory, c->settings, c->names,
                             c->name_count);
    else
        work_files_add_names(&files, c->work.directory, c->settings, &name, 1);
    return work_confine(&c->crew, &files, why);
}

enum err work_many_work(void *context, struct arena *a, const char *name,
                        enum worker_pool_call call, struct buf *record,
                        struct err_info *why)
{
    struct work_many_context *c = context;
    struct work work = c->work;
    struct work_many_result r = {.name = name};

    if (c->prepares)
        prepare(c);
    work.crew = &c->crew;
    work.forced = call == WORKER_POOL_FORCED;
    work.by_hand = work.by_hand || call == WORKER_POOL_ASKED;
    work.report.about = name;
    r.result = confine(c, name, &r.why);
    if (r.result == ERR_OK)
        do_one(a, &work, c->settings, &r);
    else
        r.reason = r.path = "";
    write_record(record, &r);
    *why = r.why;
    return r.result;
}

void work_many_end(void *context)
{
    struct work_many_context *c = context;

    crew_end(&c->crew);
}

/* ---- the rest ---- */

struct many {
    const struct work *work;
    const struct settings *settings;
    void (*done)(void *context, const struct work_many_result *result);
    void *context;
    const char **names; /* of those that are not idle */
    size_t count;
};

/* Those that need nothing are done with a look; the others are kept for later. */
static void look_at(struct many *m, const char *name)
{
    AUTO(arena) struct arena *a = arena_new();
    struct work_look look;
    struct err_info ignored = {0};
    struct wanted w;

    if (!m->work->forced &&
        work_find(a, m->work->directory, m->settings, name, &w, &ignored) == ERR_OK) {
        work_look(a, m->work->directory, &w, clock_now(), &look);
        bool retries = m->work->by_hand && look.deploy_next != 0;
        if (!look.due && !look.plan.waits && !retries) {
            struct work_result result = {
                .path = certificate_store_path(a, m->work->directory, name),
                .due = look.plan.due,
                .reason = look.plan.held ? look.plan.reason : NULL,
                .metadata = look.metadata};
            if (look.deploy_next != 0) {
                result.outcome = WORK_WAITING;
                result.reason = deploy_why_waits(a, m->work->directory, &w);
            }
            struct work_many_result r = {.name = name};
            fill(&r, &result);
            m->done(m->context, &r);
            return;
        }
    }
    m->names[m->count++] = name;
}

static enum err one_after_the_other(struct many *m, struct err_info *why)
{
    AUTO(arena) struct arena *own = arena_new();
    struct work_files files = work_files_make(own, m->work->directory);

    if (m->count > 0) {
        work_files_add_names(&files, m->work->directory, m->settings, m->names, m->count);
        work_files_add_metrics(&files, m->settings);
        TRY(work_confine(m->work->crew, &files, why));
    }
    for (size_t i = 0; i < m->count && interrupt_signal() == 0; i++) {
        /* its own arena: ten thousand certificates in one run must not add up */
        AUTO(arena) struct arena *a = arena_new();
        struct work_many_result r = {.name = m->names[i]};
        do_one(a, m->work, m->settings, &r);
        m->done(m->context, &r);
    }
    return ERR_OK;
}

static bool take_one(struct many *m, struct worker_pool *pool, int wait_ms)
{
    AUTO(arena) struct arena *a = arena_new();
    struct worker_pool_result got = {0};

    if (!worker_pool_take(pool, a, wait_ms, &got))
        return false;
    struct work_many_result r = {.name = got.name, .result = got.result, .why = got.why};
    work_many_read(a, got.record, &r);
    m->done(m->context, &r);
    return true;
}

static enum err at_the_same_time(struct many *m, size_t parallel, struct err_info *why)
{
    struct work_many_context context = {.work = *m->work,
                                        .settings = m->settings,
                                        .names = m->names,
                                        .name_count = m->count};
    const struct worker_pool_options options = {.most = parallel,
                                                .context = &context,
                                                .work = work_many_work,
                                                .end = work_many_end};
    AUTO(worker_pool) struct worker_pool *pool = worker_pool_new(&options);
    bool told = false;
    size_t next = 0;

    while (next < m->count || worker_pool_busy(pool) > 0) {
        bool stop = interrupt_signal() != 0;
        if (stop && !told) {
            worker_pool_interrupt(pool); /* who was killed alone tells the others */
            told = true;
        }
        if (stop && worker_pool_busy(pool) == 0)
            return ERR_OK;
        if (!stop && next < m->count && worker_pool_has_room(pool))
            TRY(worker_pool_give(pool, m->names[next++],
                                 m->work->forced ? WORKER_POOL_FORCED : WORKER_POOL_DUE,
                                 why));
        else
            (void)take_one(m, pool, 100);
    }
    return ERR_OK;
}

enum err work_many(const struct work *k, const struct settings *settings,
                   const char *const *names, size_t count,
                   void (*done)(void *context, const struct work_many_result *result),
                   void *context, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    size_t parallel = (size_t)settings->renewal_parallel;
    struct work with = *k;
    struct many m = {.work = &with,
                     .settings = settings,
                     .done = done,
                     .context = context,
                     .names = arena_array(a, count + 1, sizeof *m.names)};

    for (size_t i = 0; i < count && interrupt_signal() == 0; i++)
        look_at(&m, names[i]);
    if (k->careful && m.count > 1) /* once for all */
        with.places = work_places_read(a, settings);
    if (m.count > 1 && parallel > 1)
        TRY(at_the_same_time(&m, parallel < m.count ? parallel : m.count, why));
    else
        TRY(one_after_the_other(&m, why));
    return interrupt_signal() == 0 ? ERR_OK
                                   : err_set(why, ERR_INTERRUPTED, "interrupted");
}
