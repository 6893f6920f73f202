/* One certificate, from what is wanted to what is there. */
#include "client/work/work.h"

#include <string.h>

#include "client/renewal/ca_state.h"
#include "client/store/remembered.h"
#include "client/store/state.h"
#include "client/work/issuing.h"
#include "client/work/work_deploy.h"
#include "client/work/work_hook.h"
#include "client/work/work_look.h"
#include "client/work/work_notify.h"
#include "client/work/work_places.h"
#include "client/work/work_suggestion.h"
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

/* ---- which CA ---- */

/* Is it of no use to ask another CA? */
static bool is_ours(const struct issuing *job, enum err result)
{
    return !job->at_ca || result == ERR_INTERRUPTED || result == ERR_IO ||
           result == ERR_INTERNAL;
}

/* Is it known to be of no use just now? Who asks by hand may try a CA that was out of
 * reach, but not one that has asked to be left in peace. */
static enum err may_ask(struct arena *a, const struct work *k, struct issuing *job,
                        struct err_info *why)
{
    enum err result =
        k->forced ? ERR_OK
                  : ca_state_ask(a, k->directory, job->ca->directory, clock_now(), why);

    job->at_ca = result == ERR_RATE_LIMITED || result == ERR_UNAVAILABLE;
    return result == ERR_UNAVAILABLE && k->by_hand ? ERR_OK : result;
}

/* One CA. */
static enum err issue_at(struct arena *a, const struct work *k, struct issuing *job,
                         struct work_result *r, struct err_info *why)
{
    struct err_info ignored = {0};

    TRY(may_ask(a, k, job, why));
    r->tried = true;
    *why = (struct err_info){0};
    job->at_ca = false;
    enum err result = issuing_run(a, job, &r->path, why);
    if (result == ERR_OK)
        r->metadata = job->got;
    /* what is not remembered is found out anew */
    (void)!ca_state_note(a, k->directory, job->ca->directory,
                         result == ERR_OK || job->at_ca ? result : ERR_INTERRUPTED, why,
                         clock_now(), &ignored);
    return result;
}

/* The CAs in their order; the next one only if this one cannot be used. */
static enum err issue(struct arena *a, const struct work *k, const struct wanted *w,
                      const struct work_look *look, struct work_result *r,
                      struct renewal_state *state, struct err_info *why)
{
    for (size_t i = 0;; i++) {
        struct issuing job = {.directory = k->directory,
                              .wanted = w,
                              .ca = w->cas[i],
                              .before = look->there ? &look->metadata : NULL,
                              .state = state,
                              .crew = k->crew,
                              .agree_terms = k->agree_terms,
                              .forced = k->forced,
                              .report = k->report};
        enum err result = issue_at(a, k, &job, r, why);
        for (size_t p = 0; p < job.proof_count; p++) /* true whatever came later */
            renewal_state_proved(a, state, job.proofs[p].name, job.proofs[p].type);
        if (result == ERR_OK || is_ours(&job, result) || i + 1 == w->ca_count)
            return result;
        report_warning("%s: %s: %s; asking %s", w->certificate->name, w->cas[i]->name,
                       why->detail, w->cas[i + 1]->name);
        *why = (struct err_info){0};
    }
}

/* ---- what is remembered ---- */

static int64_t end_of(const struct work_look *look)
{
    return look->there ? look->metadata.parts[0].not_after : 0;
}

/* What cannot be taken down is not worth losing a certificate. */
static void save(struct arena *a, const struct work *k, const struct wanted *w,
                 const struct renewal_state *state)
{
    struct err_info lost = {0};

    if (renewal_state_save(a, k->directory, w->certificate->name, state, &lost) != ERR_OK)
        report_failure(w->certificate->name, lost.detail);
}

/* Get it, and take down what came of that. */
static enum err issue_and_remember(struct arena *a, const struct work *k,
                                   const struct wanted *w, struct work_look *look,
                                   struct work_result *r, struct err_info *why)
{
    int64_t begun_us = clock_monotonic_us();

    if (look->there)
        TRY(renewal_state_mark(a, k->directory, w->certificate->name, &look->metadata,
                               why));
    enum err result = issue(a, k, w, look, r, &look->state, why);
    if (result == ERR_INTERRUPTED || !r->tried)
        return result; /* nothing has happened */
    if (result == ERR_OK) {
        look->there = true;
        look->facts.damage = NULL;
        look->metadata = r->metadata;
        renewal_state_succeed(a, &look->state, r->metadata.ca,
                              (clock_monotonic_us() - begun_us) / 1000, clock_now());
    } else {
        renewal_state_fail(a, &look->state, why, end_of(look), clock_now());
    }
    save(a, k, w, &look->state);
    return result;
}

/* No CA was asked, as all are known to be of no use just now? */
static bool is_patient(const struct work *k, const struct work_result *r, enum err result)
{
    return !k->by_hand && !r->tried &&
           (result == ERR_RATE_LIMITED || result == ERR_UNAVAILABLE);
}

/* In words, when it will be tried again. */
static const char *say_wait(struct arena *a, const struct work_look *look)
{
    const struct renewal_failure *f = &look->state.failure;
    char until[CLOCK_TEXT_SIZE];

    clock_text(until, look->plan.attempt);
    return arena_printf(a, "it failed %lld time%s, and is not tried before %s: %s",
                        (long long)f->count, f->count == 1 ? "" : "s", until,
                        f->detail != NULL ? f->detail : "");
}

/* True if nothing is done about it now. A rate limit is told of as a failure to those who
 * ask by hand. */
static bool must_wait(struct arena *a, const struct work *k, const struct work_look *look,
                      struct work_result *r, enum err *result, struct err_info *why)
{
    const char *code = look->state.failure.code;
    bool limited = code != NULL && strcmp(code, err_name(ERR_RATE_LIMITED)) == 0;

    if (!look->plan.waits || k->forced || (k->by_hand && !limited))
        return false;
    r->outcome = WORK_WAITING;
    r->reason = say_wait(a, look);
    if (!k->by_hand)
        return true;
    *result = err_set(why, ERR_RATE_LIMITED, "%s", r->reason);
    why->retry_after_seconds = (int)(look->plan.attempt - clock_now());
    return true;
}

/* ---- the whole ---- */

/* A command that fails stops this attempt, and counts as one. */
static enum err prepare(struct arena *a, const struct work *k, const struct wanted *w,
                        struct work_look *look, struct err_info *why)
{
    enum err result = work_hook_before(a, k, w, why);

    if (result != ERR_OK && result != ERR_INTERRUPTED) {
        renewal_state_fail(a, &look->state, why, end_of(look), clock_now());
        save(a, k, w, &look->state);
    }
    return result;
}

/* Between the hooks. What post_hook says of a certificate that is there is told of, and
 * changes nothing. */
static enum err attempt(struct arena *a, const struct work *k, const struct wanted *w,
                        struct work_look *look, struct work_result *r,
                        struct err_info *why)
{
    const char *name = w->certificate->name;
    struct err_info after = {0};

    enum err result = prepare(a, k, w, look, why);
    if (result == ERR_OK)
        result = issue_and_remember(a, k, w, look, r, why);
    enum err issued = result;
    if (result == ERR_OK) {
        r->outcome = WORK_ISSUED;
        result = work_deploy(a, k, w, ERR_OK, r, why);
    }
    if (work_hook_after(a, k, w, issued, &after) != ERR_OK)
        report_failure(name, after.detail);
    return result;
}

/* Before it is ordered; but what is there is renewed whatever has become of a folder, as
 * the others may still get it. */
static enum err check_places(struct arena *a, const struct work *k,
                             const struct wanted *w, const struct work_look *look,
                             struct err_info *why)
{
    if (look->there && !k->careful)
        return ERR_OK;
    return work_places_check(work_places_know(a, k->places, w->settings), k->directory, w,
                             why);
}

static const char *reason_of(const struct work_look *look)
{
    if (look->plan.held && look->metadata.revoked)
        return "the one that is there was revoked";
    return look->plan.action == PLAN_KEEP ? "it is asked for" : look->plan.reason;
}

/* With the certificate's lock. */
static enum err bring_about(struct arena *a, const struct work *k, const struct wanted *w,
                            struct work_result *r, struct err_info *why)
{
    const char *name = w->certificate->name;
    enum err result = ERR_OK;
    struct work_look look;

    work_look(a, k->directory, w, clock_now(), &look);
    if (look.unreadable != NULL) /* another one could not be kept there either */
        return err_set(why, ERR_IO, "%s", look.unreadable);
    if (look.ask && !k->forced && look.plan.action == PLAN_KEEP) {
        TRY(work_suggestion(a, k, w, &look, clock_now(), why));
        work_look_again(w, clock_now(), &look);
    }
    r->metadata = look.metadata;
    r->due = look.plan.due;
    r->path = certificate_store_path(a, k->directory, name);
    if (must_wait(a, k, &look, r, &result, why))
        return result;
    if (look.plan.held)
        r->reason = arena_string(a, look.plan.reason);
    if (look.plan.action == PLAN_KEEP && !k->forced && !(k->anew && look.plan.held))
        return ERR_OK;
    r->reason = NULL;
    TRY(check_places(a, k, w, &look, why));
    if (look.there)
        report_step(&k->report, "renew", "%s: %s", name, reason_of(&look));
    result = attempt(a, k, w, &look, r, why);
    if (is_patient(k, r, result)) {
        r->outcome = WORK_WAITING;
        r->reason = arena_string(a, why->detail);
        return ERR_OK;
    }
    if (look.there) {
        work_look_again(w, clock_now(), &look);
        r->due = look.plan.due;
    }
    return result;
}

enum err work_certificate(struct arena *a, const struct work *k, const struct wanted *w,
                          struct work_result *r, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};

    *r = (struct work_result){.outcome = WORK_UNCHANGED};
    enum err result = work_check(w, why);
    if (result != ERR_OK && k->by_hand)
        return result;
    struct err_info locked = {0};
    enum err lock_result = state_lock_certificate(a, k->directory, w->certificate->name,
                                                  k->wait_ms, &lock, &locked);
    if (lock_result != ERR_OK && result == ERR_OK)
        *why = locked;
    if (lock_result != ERR_OK)
        return result != ERR_OK ? result : lock_result;
    if (result == ERR_OK)
        result = work_deploy(a, k, w, bring_about(a, k, w, r, why), r, why);
    /* after these the crew has ended; who asks by hand sees it */
    if (!k->by_hand && result != ERR_INTERRUPTED && result != ERR_IO &&
        result != ERR_INTERNAL)
        work_notify(a, k, w);
    return result;
}
