/* Deployments: wanted and remembered. */
#include "client/deploy/deploy_plan.h"

#include <string.h>

#include "client/deploy/deploy.h"
#include "client/deploy/deploy_content.h"
#include "client/deploy/deploy_material.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"

_Static_assert(SETTINGS_DEPLOYMENTS_MAX <= DEPLOY_STATUS_MAX, "room for all of them");

void deploy_plan_make(struct arena *a, const char *directory, const struct wanted *w,
                      int64_t now, struct deploy_plan *plan)
{
    const char *name = w->certificate->name;
    struct deploy_statuses before = {.count = 0};

    *plan = (struct deploy_plan){.next = 0};
    plan->serials = deploy_material_serials(a, directory, name);
    deploy_status_load(a, directory, name, &before);
    for (size_t i = 0; i < w->deployment_count; i++) {
        const struct settings_deployment *d = w->deployments[i];
        struct deploy_status *s = deploy_status_of(&plan->statuses, d->name);
        for (size_t k = 0; k < before.count; k++)
            if (strcmp(before.items[k].name, d->name) == 0)
                *s = before.items[k];
        plan->options[i] = deploy_content_digest(a, d);
        plan->needs[i] =
            plan->serials == NULL
                ? DEPLOY_NEED_NOTHING
                : deploy_status_need(s, plan->serials, plan->options[i], now);
        plan->now += plan->needs[i] == DEPLOY_NEED_NOW;
        if (plan->needs[i] != DEPLOY_NEED_LATER)
            continue;
        plan->later++;
        if (plan->next == 0 || s->next_try < plan->next)
            plan->next = s->next_try;
    }
}

bool deploy_is_due(struct arena *a, const char *directory, const struct wanted *w,
                   int64_t now, int64_t *next)
{
    struct deploy_plan plan;

    *next = 0;
    if (w->deployment_count == 0)
        return false;
    deploy_plan_make(a, directory, w, now, &plan);
    *next = plan.next;
    return plan.now > 0;
}

/* ---- shown ---- */

const char *deploy_why_waits(struct arena *a, const char *directory,
                             const struct wanted *w)
{
    struct deploy_plan plan;
    char when[CLOCK_TEXT_SIZE];

    deploy_plan_make(a, directory, w, clock_now(), &plan);
    for (size_t i = 0; i < w->deployment_count; i++) {
        const struct deploy_status *s = &plan.statuses.items[i];
        if (plan.needs[i] != DEPLOY_NEED_LATER || s->next_try != plan.next)
            continue;
        clock_text(when, s->next_try);
        return arena_printf(
            a, "deployment %s failed %lld time%s, and is not tried before %s: %s",
            s->name, (long long)s->failures, s->failures == 1 ? "" : "s", when, s->error);
    }
    return NULL;
}

static const char *state_of(const struct deploy_plan *plan, size_t index)
{
    if (plan->statuses.items[index].failures > 0)
        return "failed";
    return plan->needs[index] == DEPLOY_NEED_NOTHING && plan->serials != NULL ? "done"
                                                                              : "due";
}

static void write_time(struct json_writer *w, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_write_time(w, name, seconds);
}

void deploy_write_status(struct json_writer *w, const char *directory,
                         const struct wanted *wanted)
{
    AUTO(arena) struct arena *a = arena_new();
    struct deploy_plan plan;

    deploy_plan_make(a, directory, wanted, clock_now(), &plan);
    json_write_begin_array(w, "deployments");
    for (size_t i = 0; i < wanted->deployment_count; i++) {
        const struct deploy_status *s = &plan.statuses.items[i];
        json_write_begin_object(w, NULL);
        json_write_text(w, "name", s->name);
        json_write_text(w, "target", wanted->deployments[i]->target);
        json_write_text(w, "state", state_of(&plan, i));
        if (s->serial[0] != '\0')
            json_write_text(w, "serial", s->serial);
        write_time(w, "deployed", s->deployed);
        if (s->failures > 0) {
            json_write_number(w, "failures", s->failures);
            json_write_text(w, "error", s->error);
            write_time(w, "failed", s->failed);
            write_time(w, "next_try", s->next_try);
        }
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

const char *deploy_status_line(struct arena *a, const char *directory,
                               const struct wanted *wanted, size_t index)
{
    struct deploy_plan plan;
    char when[CLOCK_TEXT_SIZE];

    deploy_plan_make(a, directory, wanted, clock_now(), &plan);
    const struct deploy_status *s = &plan.statuses.items[index];
    if (s->failures > 0) {
        clock_text(when, s->next_try);
        return arena_printf(a, "%s: failed %lld time%s, next try %s: %s", s->name,
                            (long long)s->failures, s->failures == 1 ? "" : "s", when,
                            s->error);
    }
    if (plan.needs[index] == DEPLOY_NEED_NOW || s->deployed == 0)
        return arena_printf(a, "%s: due", s->name);
    clock_text(when, s->deployed);
    return arena_printf(a, "%s: done %s", s->name, when);
}
