/* cairn rollback: certificate and key as they were, and where they are used. */
#include <stdio.h>

#include "client/command/status.h"
#include "client/deploy/deploy.h"
#include "client/store/certificate_files.h"
#include "client/store/certificate_versions.h"
#include "client/store/state.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "client/work/work_look.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define OUTPUT_MAX (64 * 1024) /* octets */

struct rollback {
    const char *name;
    struct place place;
    struct certificate_versions versions;
    uint64_t to;
    struct certificate_metadata target;
    struct certificate_metadata current;
    struct renewal_state state;
};

/* The version to go back to: the one that is asked for, else the newest before the one in
 * force. */
static enum err choose(const struct client_command *c, const char *name,
                       const struct certificate_versions *v, uint64_t *to,
                       struct err_info *why)
{
    *to = 0;
    for (size_t i = 0; i < v->count; i++)
        if (c->to != 0 ? v->numbers[i] == (uint64_t)c->to : v->numbers[i] < v->current)
            *to = v->numbers[i];
    if (*to != 0)
        return ERR_OK;
    if (c->to != 0)
        return err_set(why, ERR_NOT_FOUND, "there is no version %lld of %s",
                       (long long)c->to, name);
    return err_set(why, ERR_NOT_FOUND,
                   "there is no version of %s before the one in force", name);
}

/* A revoked one, and one with the key of a revoked one, which may be somebody else's by
 * now. */
static enum err check_revoked(struct arena *a, const struct rollback *r,
                              struct err_info *why)
{
    const char *directory = r->place.directory;

    if (r->target.revoked)
        return err_set(why, ERR_FOUND,
                       "version %llu of %s was revoked; --force takes it all the same, "
                       "and cairn renew --force %s gets a new one",
                       (unsigned long long)r->to, r->name, r->name);
    for (size_t i = 0; i < r->versions.count; i++) {
        uint64_t number = r->versions.numbers[i];
        struct certificate_metadata m;
        struct err_info ignored = {0};
        if (certificate_versions_get(a, directory, r->name, number, &m, &ignored) ==
                ERR_OK &&
            m.revoked &&
            certificate_files_share_key(
                a, certificate_versions_path(a, directory, r->name, r->to), &r->target,
                certificate_versions_path(a, directory, r->name, number), &m))
            return err_set(why, ERR_FOUND,
                           "version %llu of %s has the key of version %llu, which was "
                           "revoked; --force takes it all the same",
                           (unsigned long long)r->to, r->name,
                           (unsigned long long)number);
    }
    return ERR_OK;
}

/* What would do harm. */
static enum err check(const struct client_command *c, const struct rollback *r,
                      struct err_info *why)
{
    const char *damage = certificate_files_damage(
        c->arena, certificate_versions_path(c->arena, r->place.directory, r->name, r->to),
        &r->target);
    char ended[CLOCK_TEXT_SIZE];

    if (damage != NULL)
        return err_set(why, ERR_FOUND, "version %llu of %s is of no use: %s",
                       (unsigned long long)r->to, r->name, damage);
    if (c->force)
        return ERR_OK;
    TRY(check_revoked(c->arena, r, why));
    for (size_t i = 0; i < r->target.part_count; i++) {
        if (r->target.parts[i].not_after > clock_now())
            continue;
        report_moment(ended, r->target.parts[i].not_after,
                      certificate_store_lifetime(&r->target));
        return err_set(why, ERR_FOUND,
                       "version %llu of %s has expired on %s; --force takes it all "
                       "the same",
                       (unsigned long long)r->to, r->name, ended);
    }
    return ERR_OK;
}

/* What is remembered of the one in force, and of the other one from now on. It is written
 * before the other one is in force: a crash in between takes nothing away, as what was
 * revoked is known by its version. */
static enum err read_both(const struct client_command *c, struct rollback *r,
                          struct err_info *why)
{
    struct err_info ignored = {0};
    bool same = r->to == r->versions.current;

    TRY(certificate_versions_get(c->arena, r->place.directory, r->name, r->to, &r->target,
                                 why));
    (void)renewal_state_load(c->arena, r->place.directory, r->name, &r->state, &ignored);
    if (same)
        renewal_state_settle(&r->state, &r->target);
    else if (certificate_store_get(c->arena, r->place.directory, r->name, &r->current,
                                   &ignored) == ERR_OK) {
        renewal_state_settle(&r->state, &r->current);
        TRY(renewal_state_mark(c->arena, r->place.directory, r->name, &r->current, why));
    }
    return ERR_OK;
}

static enum err switch_back(const struct client_command *c, struct rollback *r,
                            struct err_info *why)
{
    const char *directory = r->place.directory;
    struct wanted *w = arena_get(c->arena, sizeof *w);
    struct err_info ignored = {0};

    r->state.ari = (struct renewal_suggestion){0}; /* of the other one */
    r->state.revoked = r->target.revoked;
    r->state.rolled_back = NULL;
    if (work_find(c->arena, directory, &r->place.settings, r->name, w, &ignored) ==
        ERR_OK) {
        const struct plan_facts facts = work_look_facts(c->arena, directory, w, NULL);
        char *digest = arena_get(c->arena, PLAN_DIGEST_SIZE);
        plan_digest(w, &facts, digest);
        r->state.rolled_back = digest;
    }
    TRY(renewal_state_save(c->arena, directory, r->name, &r->state, why));
    return certificate_versions_switch(c->arena, directory, r->name, r->to, why);
}

static void print_json(const struct status *s, uint64_t from, uint64_t to)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", s->name);
    json_write_number(&w, "from", (int64_t)from);
    json_write_number(&w, "to", (int64_t)to);
    json_write_text(&w, "serial", s->metadata.parts[0].serial);
    json_write_time(&w, "not_after", status_end(s));
    json_write_text(&w, "path", s->path);
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* Where it is used, too. */
static enum err deploy(const struct client_command *c, const struct place *p,
                       const struct status *s, const struct report *report,
                       struct err_info *why)
{
    AUTO(crew) struct crew crew = {0};
    struct deploy_outcome outcome;

    if (!s->wants || s->wanted.deployment_count == 0)
        return ERR_OK;
    struct work_files files = work_files_make(c->arena, p->directory);
    work_files_add_wanted(&files, &s->wanted);
    TRY(crew_start(&crew, why));
    TRY(work_confine(&crew, &files, why));
    const struct deploy d = {.directory = p->directory,
                             .wanted = &s->wanted,
                             .runner = crew.runner.fd,
                             .network = crew.network.fd,
                             .report = report,
                             .forced = true};
    return deploy_run(c->arena, &d, &outcome, why);
}

/* It would be replaced by the next run otherwise. */
static void tell_of_settings(const struct status *s)
{
    if (s->wants && s->plan.held && !s->metadata.revoked)
        report_warning("%s: %s; it is kept until it is due, or something else is wanted; "
                       "cairn renew --force %s gets what is wanted now",
                       s->name, s->plan.reason, s->name);
}

/* With the certificate's lock. */
static enum err go_back(const struct client_command *c, struct rollback *r,
                        const struct report *report, struct err_info *why)
{
    char until[CLOCK_TEXT_SIZE];
    struct status s;

    TRY(certificate_versions_read(c->arena, r->place.directory, r->name, &r->versions,
                                  why));
    TRY(choose(c, r->name, &r->versions, &r->to, why));
    const uint64_t from = r->versions.current;
    *c->unchanged = r->to == from;
    TRY(read_both(c, r, why));
    TRY(check(c, r, why));
    if (r->to != from)
        TRY(switch_back(c, r, why));
    status_read(c->arena, &r->place, r->name, clock_now(), &s);
    if (!s.there)
        return err_set(why, ERR_MALFORMED, "%s",
                       s.problem != NULL ? s.problem : "the version has no certificate");
    report_moment(until, status_end(&s), certificate_store_lifetime(&s.metadata));
    report_step(report, r->to == from ? "kept" : "back",
                "%s, version %llu in place of %llu, valid until %s", r->name,
                (unsigned long long)r->to, (unsigned long long)from, until);
    tell_of_settings(&s);
    enum err result = r->to != from ? deploy(c, &r->place, &s, report, why) : ERR_OK;
    if (c->json) {
        print_json(&s, from, r->to);
        *c->printed = true;
    }
    return result;
}

enum err command_rollback(const struct client_command *c, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    const struct report report = {.json = c->json, .quiet = c->quiet};
    struct rollback *r = arena_get(c->arena, sizeof *r);

    TRY(place_one(c, &r->name, why));
    TRY(place_find(c, &r->place, why));
    TRY(certificate_versions_read(c->arena, r->place.directory, r->name, &r->versions,
                                  why));
    TRY(state_lock_certificate(c->arena, r->place.directory, r->name, 1000 * c->wait,
                               &lock, why));
    return go_back(c, r, &report, why);
}
