/* Certificates to where they are used. */
#include "client/deploy/deploy.h"

#include <string.h>

#include "client/deploy/deploy_check.h"
#include "client/deploy/deploy_content.h"
#include "client/deploy/deploy_environment.h"
#include "client/deploy/deploy_files.h"
#include "client/deploy/deploy_plan.h"
#include "client/deploy/deploy_status.h"
#include "client/deploy/deploy_target.h"
#include "core/base/clock.h"

/* ---- one deployment ---- */

struct one {
    struct arena *arena; /* for this one only */
    const struct deploy *deploy;
    const struct settings_deployment *d;
    const struct deploy_material *m;
};

/* Which certificate must be seen: that of the chosen key, or all if all are written. */
static const struct deploy_part *seen_part(const struct one *o)
{
    for (size_t i = 0; i < o->m->count; i++)
        if (strcmp(o->d->key, o->m->parts[i].key_type) == 0)
            return &o->m->parts[i];
    return deploy_content_has_all(o->d) ? NULL : &o->m->parts[0];
}

/* Files are in their places: the server is asked whether it wants them. */
static enum err test_and_reload(const struct one *o, struct deploy_files *files,
                                struct err_info *why)
{
    struct deploy_target t = {.arena = o->arena,
                              .runner = o->deploy->runner,
                              .deployment = o->d,
                              .timeout_ms = o->d->timeout_ms};
    struct err_info undoing = {0};

    if (t.timeout_ms == 0)
        t.timeout_ms = o->deploy->wanted->settings->hooks_timeout;
    enum err result = deploy_environment_make(o->arena, o->deploy->directory, o->d, o->m,
                                              &t.environment, why);
    if (result == ERR_OK)
        result = deploy_target_test(&t, why);
    if (result == ERR_OK)
        return deploy_target_reload(&t, why);
    const struct err_info first = *why;
    if (deploy_files_undo(files, &undoing) != ERR_OK)
        return err_set(why, first.code, "%.400s; and %.300s", first.detail,
                       undoing.detail);
    return err_set(why, first.code, "%.600s; the old files are in place again",
                   first.detail);
}

static enum err deploy_one(const struct one *o, struct err_info *why)
{
    AUTO(deploy_content) struct deploy_content content = {.count = 0};
    AUTO(deploy_files) struct deploy_files *files = NULL;
    const struct deploy_access access = {o->d->owner, o->d->group, o->d->mode};
    struct deploy_check check = {0};

    if (o->d->check[0] != '\0')
        TRY(deploy_check_parse(o->arena, o->d->check, &check, why));
    TRY(deploy_content_make(o->arena, o->d, o->m, &content, why));
    TRY(deploy_files_write(content.files, content.count, &access, &files, why));
    TRY(deploy_files_switch(files, why));
    TRY(test_and_reload(o, files, why));
    if (check.host == NULL)
        return ERR_OK;
    return deploy_check_wait(o->deploy->network, &check, o->m, seen_part(o),
                             o->d->check_timeout_ms, why);
}

/* ---- all of them ---- */

struct run {
    struct arena *arena;
    const struct deploy *deploy;
    struct deploy_material material;
    struct deploy_plan plan;
    struct deploy_outcome outcome;
    struct err_info first; /* failure */
};

static void note_failure(struct run *r, const struct settings_deployment *d,
                         struct deploy_status *s, const char *options,
                         const struct err_info *failure)
{
    struct err_info told = *failure;

    deploy_status_failed(s, r->material.serials, options,
                         arena_string(r->arena, failure->detail), clock_now());
    (void)err_set(&told, ERR_DEPLOY, "deployment %s of %s: %.600s", d->name,
                  r->material.certificate, failure->detail);
    if (r->outcome.failed == 0)
        r->first = told;
    else
        report_warning("%s", told.detail);
    r->outcome.failed++;
}

static bool is_chosen(const struct deploy *d, const char *name)
{
    for (size_t i = 0; d->only != NULL && d->only[i] != NULL; i++)
        if (strcmp(d->only[i], name) == 0)
            return true;
    return d->only == NULL;
}

static enum err do_one(struct run *r, size_t index, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct settings_deployment *d = r->deploy->wanted->deployments[index];
    const struct one o = {a, r->deploy, d, &r->material};
    struct deploy_status *s = &r->plan.statuses.items[index];
    const char *options = r->plan.options[index];
    enum deploy_need need = r->deploy->forced ? DEPLOY_NEED_NOW : r->plan.needs[index];
    struct err_info failure = {0};

    if (!is_chosen(r->deploy, d->name))
        return ERR_OK;
    if (need == DEPLOY_NEED_LATER && r->deploy->by_hand)
        need = DEPLOY_NEED_NOW;
    r->outcome.waiting += need == DEPLOY_NEED_LATER;
    if (need != DEPLOY_NEED_NOW)
        return ERR_OK;
    enum err result = deploy_one(&o, &failure);
    if (result == ERR_INTERRUPTED)
        return err_set(why, ERR_INTERRUPTED, "%s", failure.detail);
    if (result == ERR_OK) {
        deploy_status_done(s, r->material.serials, options, clock_now());
        report_step(r->deploy->report, "deployed", "%s to %s (%s)",
                    r->material.certificate, d->name, d->target);
        r->outcome.done++;
    } else {
        note_failure(r, d, s, options, &failure);
    }
    return deploy_status_save(r->arena, r->deploy->directory, r->material.certificate,
                              &r->plan.statuses, why);
}

enum err deploy_run(struct arena *a, const struct deploy *d,
                    struct deploy_outcome *outcome, struct err_info *why)
{
    AUTO(arena) struct arena *own = arena_new(); /* keys are wiped with it */
    struct run r = {.arena = own, .deploy = d};
    enum err result = ERR_OK;

    (void)a;
    *outcome = (struct deploy_outcome){0};
    if (d->wanted->deployment_count == 0)
        return ERR_OK;
    deploy_plan_make(own, d->directory, d->wanted, clock_now(), &r.plan);
    size_t work = r.plan.now + (d->by_hand ? r.plan.later : 0);
    if (!d->forced && work == 0 && r.plan.serials != NULL) {
        outcome->waiting = r.plan.later; /* no key is read for nothing */
        return ERR_OK;
    }
    TRY(deploy_material_read(own, d->directory, d->wanted->certificate->name, &r.material,
                             why));
    for (size_t i = 0; i < d->wanted->deployment_count && result == ERR_OK; i++)
        result = do_one(&r, i, why);
    *outcome = r.outcome;
    if (result != ERR_OK)
        return result;
    if (r.outcome.failed > 0) {
        *why = r.first;
        return ERR_DEPLOY;
    }
    return ERR_OK;
}
