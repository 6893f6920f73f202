/* One certificate, from what is wanted to what is there. */
#include "client/work/work.h"

#include "client/plan/plan.h"
#include "client/store/remembered.h"
#include "client/work/issuing.h"
#include "core/base/clock.h"

enum err work_find(struct arena *a, const char *directory,
                   const struct settings *settings, const char *name, struct wanted *w,
                   struct err_info *why)
{
    const struct settings_certificate *c = settings_certificate(settings, name);

    if (c != NULL) {
        settings_wanted(settings, c, w);
        return ERR_OK;
    }
    enum err result = remembered_get(a, directory, name, settings, w, why);
    if (result == ERR_NOT_FOUND)
        return err_set(
            why, ERR_NOT_FOUND,
            "nothing says how \"%.200s\" is to be got: it is not in cairn.yaml, "
            "and cairn issue did not make it",
            name);
    return result;
}

/* The CAs in their order; the next one only if this one cannot be used just now. */
static enum err issue(struct arena *a, const struct work *k, const struct wanted *w,
                      struct work_result *r, struct err_info *why)
{
    enum err result = ERR_OK;

    for (size_t i = 0; i < w->ca_count; i++) {
        struct issuing job = {.directory = k->directory,
                              .wanted = w,
                              .ca = w->cas[i],
                              .crew = k->crew,
                              .agree_terms = k->agree_terms,
                              .forced = k->forced,
                              .report = k->report};
        result = issuing_run(a, &job, &r->path, why);
        if (result == ERR_OK) {
            r->metadata = job.got;
            return ERR_OK;
        }
        if (result == ERR_INTERRUPTED || i + 1 == w->ca_count)
            break;
        report_warning("%s: %s; asking the next CA", w->cas[i]->name, why->detail);
    }
    return result;
}

enum err work_certificate(struct arena *a, const struct work *k, const struct wanted *w,
                          struct work_result *r, struct err_info *why)
{
    const char *name = w->certificate->name;
    struct err_info ignored = {0};
    struct plan plan;

    *r = (struct work_result){.outcome = WORK_UNCHANGED};
    TRY(work_check(w, why));
    bool there =
        certificate_store_get(a, k->directory, name, &r->metadata, &ignored) == ERR_OK;
    plan_certificate(w, there ? &r->metadata : NULL, clock_now(), &plan);
    r->due = plan.due;
    r->path = certificate_store_path(a, k->directory, name);
    if (plan.action == PLAN_KEEP && !k->forced)
        return ERR_OK;
    if (there)
        report_step(&k->report, "renew", "%s: %s", name,
                    plan.action == PLAN_KEEP ? "it is asked for" : plan.reason);
    TRY(issue(a, k, w, r, why));
    r->outcome = WORK_ISSUED;
    r->due = plan_due(&r->metadata);
    return ERR_OK;
}
