/* Reading and writing what is known of a certificate. */
#include "client/command/status.h"

#include <inttypes.h>
#include <string.h>

#include "client/deploy/deploy.h"
#include "client/deploy/deploy_status.h"
#include "client/store/certificate_store.h"
#include "client/store/metadata.h"
#include "client/work/work.h"
#include "client/work/work_look.h"
#include "core/base/clock.h"
#include "core/http/url.h"

#define HOUR 3600 /* seconds */
#define DAY  (24 * HOUR)

static void read_wanted(struct arena *a, const struct place *p, struct status *s)
{
    struct err_info why = {0};
    enum err result = work_find(a, p->directory, &p->settings, s->name, &s->wanted, &why);

    s->wants = result == ERR_OK;
    s->origin = result == ERR_NOT_FOUND                               ? STATUS_LEFT_OVER
                : settings_certificate(&p->settings, s->name) != NULL ? STATUS_CONFIGURED
                                                                      : STATUS_REMEMBERED;
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        s->problem = arena_string(a, why.detail);
}

/* The first deployment that is to be made, or has failed. */
static void read_deployments(struct arena *a, const struct place *p, int64_t now,
                             struct status *s)
{
    struct deploy_statuses all;
    int64_t next = 0;

    if (!s->there || !s->wants || s->wanted.deployment_count == 0)
        return;
    s->deploys = deploy_is_due(a, p->directory, &s->wanted, now, &next);
    if (!s->deploys && next == 0)
        return;
    deploy_status_load(a, p->directory, s->name, &all);
    for (size_t i = 0; i < s->wanted.deployment_count; i++) {
        const char *line = deploy_status_line(a, p->directory, &s->wanted, i);
        const struct deploy_status *one =
            deploy_status_of(&all, s->wanted.deployments[i]->name);
        if (one->failures > 0 || (s->deploy == NULL && strstr(line, ": due") != NULL))
            s->deploy = line;
        if (one->failures > 0)
            return;
    }
    if (s->deploys && s->deploy == NULL)
        s->deploy = "not everywhere where it is to be used";
}

static const char *why_waits(struct arena *a, const struct status *s)
{
    const struct renewal_failure *f = &s->renewal.failure;
    char again[CLOCK_TEXT_SIZE];

    clock_text(again, s->plan.attempt);
    return arena_printf(a, "not tried again before %s: it failed %lld time%s, last: %s",
                        again, (long long)f->count, f->count == 1 ? "" : "s",
                        f->detail != NULL ? f->detail : "nobody knows why");
}

void status_read(struct arena *a, const struct place *p, const char *name, int64_t now,
                 struct status *s)
{
    struct err_info why = {0};

    *s = (struct status){.name = name,
                         .path = certificate_store_path(a, p->directory, name)};
    read_wanted(a, p, s);
    enum err result = certificate_store_get(a, p->directory, name, &s->metadata, &why);
    s->there = result == ERR_OK;
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        s->problem = arena_string(a, why.detail);
    (void)renewal_state_load(a, p->directory, name, &s->renewal, &why);
    if (s->there)
        renewal_state_settle(&s->renewal, &s->metadata);
    if (s->wants) {
        const struct plan_facts facts =
            work_look_facts(a, p->directory, &s->wanted, s->there ? &s->metadata : NULL);
        plan_certificate(&s->wanted, s->there ? &s->metadata : NULL, &s->renewal, &facts,
                         now, &s->plan);
    }
    if (s->wants && s->plan.waits)
        s->waits = why_waits(a, s);
    read_deployments(a, p, now, s);
}

const char *status_action(const struct status *s)
{
    if (s->plan.waits)
        return "waits";
    return s->plan.action == PLAN_KEEP && s->deploys ? "deploy"
                                                     : plan_action(s->plan.action);
}

const char *status_reason(const struct status *s)
{
    if (s->plan.waits)
        return s->waits;
    return s->plan.action == PLAN_KEEP && s->deploys ? s->deploy : s->plan.reason;
}

int64_t status_end(const struct status *s)
{
    int64_t end = 0;

    for (size_t i = 0; s->there && i < s->metadata.part_count; i++)
        if (end == 0 || s->metadata.parts[i].not_after < end)
            end = s->metadata.parts[i].not_after;
    return end;
}

const char *status_origin(enum status_origin origin)
{
    switch (origin) {
    case STATUS_CONFIGURED:
        return "cairn.yaml";
    case STATUS_REMEMBERED:
        return "command line";
    default:
        return "left over";
    }
}

const char *status_ca(struct arena *a, const struct place *p, const struct status *s)
{
    const char *directory = s->there ? s->metadata.ca : "";
    struct err_info ignored = {0};
    struct url url;

    if (!s->there && s->wants)
        return s->wanted.cas[0]->name;
    for (size_t i = 0; i < p->settings.cas.count; i++) {
        const struct settings_ca *ca = p->settings.cas.members[i];
        if (strcmp(ca->directory, directory) == 0)
            return ca->name;
    }
    if (directory[0] == '\0' ||
        url_parse(a, span_of(directory), &url, &ignored) != ERR_OK)
        return directory;
    return url.host;
}

/* What is wanted of it. */
static void write_settings(struct json_writer *w, const struct wanted *wanted)
{
    const struct settings_certificate *c = wanted->certificate;

    json_write_begin_array(w, "challenges");
    for (size_t i = 0; i < c->challenge_types.count; i++)
        json_write_text(w, NULL, terms_challenge_type(c->challenge_types.types[i]));
    json_write_end_array(w);
    json_write_text(w, "http", c->http);
    json_write_number(w, "http_port", c->http_port);
    json_write_text(w, "tls", c->tls);
    json_write_number(w, "tls_port", c->tls_port);
    json_write_text(w, "ca_file", wanted->cas[0]->ca_file);
    json_write_text(w, "renew", c->renew);
    json_write_begin_array(w, "dns");
    for (size_t i = 0; i < wanted->dns_count; i++)
        json_write_text(w, NULL, wanted->dns[i].dns->provider);
    json_write_end_array(w);
}

static void write_failure(struct json_writer *w, const struct renewal_failure *f)
{
    json_write_begin_object(w, "failure");
    json_write_number(w, "count", f->count);
    json_write_text(w, "code", f->code);
    json_write_text(w, "detail", f->detail != NULL ? f->detail : "");
    json_write_time(w, "when", f->when);
    json_write_time(w, "not_before", f->not_before);
    json_write_end_object(w);
}

void status_write(struct json_writer *w, const struct place *p, const struct status *s)
{
    json_write_text(w, "name", s->name);
    json_write_text(w, "path", s->path);
    json_write_text(w, "origin", status_origin(s->origin));
    if (s->there)
        metadata_write_members(w, &s->metadata);
    if (s->wants) {
        json_write_text(w, "action", status_action(s));
        json_write_text(w, "reason", status_reason(s));
        if (s->plan.attempt != RENEWAL_WHEN_NEVER)
            json_write_time(w, "due", s->plan.attempt);
        write_settings(w, &s->wanted);
        deploy_write_status(w, p->directory, &s->wanted);
    }
    if (s->renewal.ari.explanation != NULL)
        json_write_text(w, "explanation", s->renewal.ari.explanation);
    if (s->renewal.failure.code != NULL)
        write_failure(w, &s->renewal.failure);
    if (s->problem != NULL)
        json_write_text(w, "error", s->problem);
}

char *status_remaining(struct arena *a, int64_t end, int64_t now)
{
    int64_t left = end - now;

    if (left <= 0)
        return arena_string(a, "expired");
    if (left < HOUR)
        return arena_string(a, "in less than an hour");
    if (left < 2 * DAY)
        return arena_printf(a, "in %" PRId64 " hour%s", left / HOUR,
                            left < 2 * HOUR ? "" : "s");
    return arena_printf(a, "in %" PRId64 " days", left / DAY);
}
