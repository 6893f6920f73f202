/* Notices. */
#include "client/work/work_notify.h"

#include "client/deploy/deploy_status.h"
#include "client/run/run.h"
#include "client/work/work_look.h"
#include "core/base/clock.h"
#include "core/json/json_write.h"

#define IN_A_ROW  3           /* notices of one run, at most */
#define INPUT_MAX (64 * 1024) /* octets */

/* A certificate to tell of. */
struct subject {
    const struct wanted *wanted;
    struct work_look look;
    struct renewal_notice_facts facts;
    const char *error;          /* why it could not be got last; NULL: it could */
    struct deploy_status worst; /* the deployment with most failures in a row */
};

static void look_at_deployments(struct arena *a, const char *directory,
                                const struct wanted *w, struct renewal_notice_facts *f,
                                struct deploy_status *worst)
{
    struct deploy_statuses all;

    deploy_status_load(a, directory, w->certificate->name, &all);
    for (size_t i = 0; i < w->deployment_count; i++) {
        const struct deploy_status *s = deploy_status_of(&all, w->deployments[i]->name);
        if (s->failures == 0)
            continue;
        if (s->failed > f->deploy_failed_at)
            f->deploy_failed_at = s->failed;
        if (s->failures > f->deploy_failures) {
            f->deploy_failures = s->failures;
            *worst = *s;
        }
    }
}

static void collect(struct arena *a, const char *directory, const struct wanted *w,
                    const struct certificate_metadata *there,
                    struct renewal_notice_facts *f, struct deploy_status *worst)
{
    *f = (struct renewal_notice_facts){.failures = w->settings->notify_failures};
    (void)renew_rule_read(w->settings->notify_expiry, &f->rule);
    for (size_t i = 0; there != NULL && i < there->part_count; i++)
        if (f->not_after == 0 || there->parts[i].not_after < f->not_after) {
            f->not_before = there->parts[i].not_before;
            f->not_after = there->parts[i].not_after;
        }
    if (w->deployment_count > 0)
        look_at_deployments(a, directory, w, f, worst);
}

void work_notify_facts(struct arena *a, const char *directory, const struct wanted *w,
                       const struct certificate_metadata *there,
                       struct renewal_notice_facts *facts)
{
    struct deploy_status ignored = {0};

    collect(a, directory, w, there, facts, &ignored);
}

/* ---- what is said ---- */

static const char *text_of(struct arena *a, int64_t when)
{
    char text[CLOCK_TEXT_SIZE];

    clock_text(text, when);
    return arena_string(a, text);
}

/* "; the one there is ends 2026-11-29T10:00:00Z" */
static const char *say_end(struct arena *a, const struct subject *s)
{
    return s->facts.not_after == 0
               ? "; there is none yet"
               : arena_printf(a, "; the one there is %s %s",
                              s->facts.not_after > clock_now() ? "ends" : "ended",
                              text_of(a, s->facts.not_after));
}

static const char *message_of(struct arena *a, const struct subject *s,
                              enum renewal_notice notice)
{
    const char *name = s->wanted->certificate->name;
    const struct renewal_failure *f = &s->look.state.failure;
    const char *end = text_of(a, s->facts.not_after);

    switch (notice) {
    case RENEWAL_NOTICE_FAILED:
        return arena_printf(a,
                            "the certificate %s could not be got, %lld time%s in a row: "
                            "%s; it is tried again at %s%s",
                            name, (long long)f->count, f->count == 1 ? "" : "s", s->error,
                            text_of(a, f->not_before), say_end(a, s));
    case RENEWAL_NOTICE_DEPLOY:
        return arena_printf(a,
                            "the certificate %s did not get to %s, %lld time%s in a row: "
                            "%s",
                            name, s->worst.name, (long long)s->worst.failures,
                            s->worst.failures == 1 ? "" : "s", s->worst.error);
    case RENEWAL_NOTICE_EXPIRES:
        return arena_printf(a, "the certificate %s %s %s%s%s", name,
                            s->facts.not_after > clock_now() ? "ends" : "ended", end,
                            s->error != NULL ? ", and could not be renewed: " : "",
                            s->error != NULL ? s->error : "");
    default:
        return arena_printf(a, "the certificate %s is all right again; it ends %s", name,
                            end);
    }
}

static void write_input(struct buf *b, const struct subject *s,
                        enum renewal_notice notice, const char *message)
{
    const struct settings_certificate *c = s->wanted->certificate;
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "event", renewal_notice_word(notice));
    json_write_text(&w, "name", c->name);
    json_write_begin_array(&w, "names");
    for (size_t i = 0; i < c->names.count; i++)
        json_write_text(&w, NULL, c->names.items[i]);
    json_write_end_array(&w);
    json_write_text(&w, "message", message);
    if (s->look.there)
        json_write_text(&w, "ca", s->look.metadata.ca);
    if (s->facts.not_after != 0)
        json_write_time(&w, "not_after", s->facts.not_after);
    bool is_deploy = notice == RENEWAL_NOTICE_DEPLOY;
    json_write_number(&w, "failures",
                      is_deploy ? s->worst.failures : s->look.state.failure.count);
    if (is_deploy)
        json_write_text(&w, "deployment", s->worst.name);
    const char *error = is_deploy ? s->worst.error : s->error;
    if (error != NULL)
        json_write_text(&w, "error", error);
    json_write_end_object(&w);
    buf_add_text(b, "\n");
}

/* ---- telling ---- */

static enum err tell(struct arena *a, const struct work *k, const struct subject *s,
                     enum renewal_notice notice, struct err_info *why)
{
    const struct settings *settings = s->wanted->settings;
    const char *const words[] = {"/bin/sh", "-c", settings->notify_command, NULL};
    const char *message = message_of(a, s, notice);
    const char *const environment[] = {
        arena_printf(a, "CAIRN_EVENT=%s", renewal_notice_word(notice)),
        arena_printf(a, "CAIRN_NAME=%s", s->wanted->certificate->name),
        arena_printf(a, "CAIRN_MESSAGE=%s", message), NULL};
    AUTO(buf) struct buf input = buf_make(INPUT_MAX);
    struct run_result ended;

    write_input(&input, s, notice, message);
    const struct run_request request = {.arguments = words,
                                        .environment = environment,
                                        .rights = RUN_AS_WE_ARE,
                                        .input = buf_span(&input),
                                        .timeout_ms = settings->hooks_timeout};
    TRY(crew_start(k->crew, why));
    report_step(&k->report, "notify", "%s", message);
    return run_or_fail(k->crew->runner.fd, a, &request, ERR_HOOK, "notify.command",
                       &ended, why);
}

static void look(struct arena *a, const struct work *k, const struct wanted *w,
                 struct subject *s)
{
    *s = (struct subject){.wanted = w};
    work_look(a, k->directory, w, clock_now(), &s->look);
    collect(a, k->directory, w, s->look.there ? &s->look.metadata : NULL, &s->facts,
            &s->worst);
    s->error = s->look.state.failure.code != NULL ? s->look.state.failure.detail : NULL;
}

void work_notify(struct arena *a, const struct work *k, const struct wanted *w)
{
    struct subject s;

    if (w->settings->notify_command[0] == '\0')
        return;
    look(a, k, w, &s);
    for (int i = 0; i < IN_A_ROW; i++) {
        int64_t now = clock_now();
        struct err_info why = {0};
        int64_t when = 0;
        enum renewal_notice notice =
            renewal_notice_find(&s.look.state, &s.facts, now, &when);
        if (notice == RENEWAL_NOTICE_NONE || when > now)
            return;
        enum err told = tell(a, k, &s, notice, &why);
        if (told == ERR_INTERRUPTED)
            return;
        if (told != ERR_OK)
            report_warning("%s: %s", w->certificate->name, why.detail);
        renewal_notice_done(&s.look.state, &s.facts, notice, told == ERR_OK, now);
        if (renewal_state_save(a, k->directory, w->certificate->name, &s.look.state,
                               &why) != ERR_OK) {
            report_warning("%s", why.detail);
            return;
        }
    }
}
