/* Deployments that are due. */
#include "client/work/work_deploy.h"

#include "client/deploy/deploy.h"
#include "core/base/clock.h"

static enum err run(struct arena *a, const struct work *k, const struct wanted *w,
                    struct work_result *r, struct err_info *why)
{
    struct deploy_outcome done = {0};

    TRY(crew_start(k->crew, why));
    const struct deploy d = {.directory = k->directory,
                             .wanted = w,
                             .runner = k->crew->runner.fd,
                             .network = k->crew->network.fd,
                             .report = &k->report,
                             .by_hand = k->by_hand};
    enum err result = deploy_run(a, &d, &done, why);
    if (done.done > 0 && r->outcome == WORK_UNCHANGED)
        r->outcome = WORK_DEPLOYED;
    return result;
}

enum err work_deploy(struct arena *a, const struct work *k, const struct wanted *w,
                     enum err result, struct work_result *r, struct err_info *why)
{
    struct err_info failure = {0};
    int64_t next = 0;

    /* after these the crew has ended, and none may be started once a key was in memory */
    if (result == ERR_INTERRUPTED || result == ERR_IO || result == ERR_INTERNAL)
        return result;
    if (w->deployment_count == 0 || result == ERR_DEPLOY)
        return result; /* there are none, or they were tried just now */
    if (!deploy_is_due(a, k->directory, w, clock_now(), &next) &&
        !(k->by_hand && next != 0)) {
        if (next != 0 && result == ERR_OK && r->outcome == WORK_UNCHANGED) {
            r->outcome = WORK_WAITING;
            r->reason = deploy_why_waits(a, k->directory, w);
        }
        return result;
    }
    enum err deployed = run(a, k, w, r, &failure);
    if (deployed == ERR_OK)
        return result;
    if (result == ERR_OK)
        return err_set(why, deployed, "%s", failure.detail);
    report_warning("%s", failure.detail);
    return result;
}
