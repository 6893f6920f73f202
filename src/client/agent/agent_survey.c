/* Metrics of what is in the state folder. */
#include "client/agent/agent_survey.h"

#include "client/deploy/deploy_status.h"
#include "client/renewal/renewal_when.h"
#include "client/report/report.h"
#include "client/work/work_look.h"
#include "client/work/work_many.h"
#include "core/base/clock.h"

/* What ends first counts. */
static void take_times(struct agent_metrics_row *row,
                       const struct certificate_metadata *m)
{
    for (size_t i = 0; i < m->part_count; i++) {
        if (i > 0 && m->parts[i].not_after >= row->not_after)
            continue;
        row->not_before = m->parts[i].not_before;
        row->not_after = m->parts[i].not_after;
    }
}

static size_t deployments_failed(struct arena *a, const char *directory,
                                 const struct wanted *w)
{
    struct deploy_statuses all;
    size_t failed = 0;

    if (w->deployment_count == 0)
        return 0;
    deploy_status_load(a, directory, w->certificate->name, &all);
    for (size_t i = 0; i < w->deployment_count; i++)
        failed += deploy_status_of(&all, w->deployments[i]->name)->failures > 0;
    return failed;
}

static void look_at(struct arena *a, const char *directory,
                    const struct settings *settings, int64_t now,
                    struct agent_metrics_row *row)
{
    AUTO(arena) struct arena *own = arena_new(); /* what is kept is in the other one */
    struct err_info ignored = {0};
    struct work_look look;
    struct wanted w;

    row->ca = "";
    row->next = RENEWAL_WHEN_NEVER;
    if (work_find(own, directory, settings, row->name, &w, &ignored) != ERR_OK)
        return;
    work_look(own, directory, &w, now, &look);
    if (look.there) {
        row->ca = arena_string(a, look.metadata.ca);
        take_times(row, &look.metadata);
        row->revoked = look.metadata.revoked;
    }
    row->next = look.plan.attempt;
    row->deploy_failures = deployments_failed(own, directory, &w);
    row->failures = look.state.failure.count;
    row->failed_at = look.state.failure.when;
    row->failed = look.state.failed;
    row->issued = look.state.issued;
    row->succeeded = look.state.succeeded;
    row->duration_ms = look.state.duration_ms;
}

enum err agent_survey(struct arena *a, const char *directory,
                      const struct settings *settings, int64_t now,
                      struct agent_metrics_row **rows, size_t *count,
                      struct err_info *why)
{
    const char *const *names = NULL;
    size_t found = 0;

    TRY(work_many_names(a, directory, settings, &names, &found, why));
    struct agent_metrics_row *made = arena_array(a, found + 1, sizeof *made);
    for (size_t i = 0; i < found; i++) {
        made[i].name = names[i];
        look_at(a, directory, settings, now, &made[i]);
    }
    *rows = made;
    *count = found;
    return ERR_OK;
}

void agent_survey_keep(const char *directory, const struct settings *settings)
{
    AUTO(arena) struct arena *a = arena_new();
    struct agent_metrics_row *rows = NULL;
    struct err_info why = {0};
    int64_t now = clock_now();
    size_t count = 0;

    if (settings->agent_metrics_file[0] == '\0')
        return;
    enum err result = agent_survey(a, directory, settings, now, &rows, &count, &why);
    if (result == ERR_OK)
        result = agent_metrics_keep(settings->agent_metrics_file, rows, count, now, &why);
    if (result != ERR_OK)
        report_warning("agent.metrics_file: %s", why.detail);
}
