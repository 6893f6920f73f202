/* cairn rollback: certificate and key as they were, and where they are used. */
#include <stdio.h>

#include "client/command/status.h"
#include "client/deploy/deploy.h"
#include "client/store/certificate_versions.h"
#include "client/store/metadata.h"
#include "client/store/state.h"
#include "client/work/work_confine.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define OUTPUT_MAX (64 * 1024) /* octets */

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

/* One that has expired would do harm. */
static enum err check_end(const struct client_command *c, const struct place *p,
                          const char *name, uint64_t to, struct err_info *why)
{
    struct certificate_metadata m;
    char ended[CLOCK_TEXT_SIZE];

    TRY(certificate_versions_get(c->arena, p->directory, name, to, &m, why));
    for (size_t i = 0; i < m.part_count; i++) {
        if (m.parts[i].not_after > clock_now() || c->force)
            continue;
        clock_text(ended, m.parts[i].not_after);
        return err_set(why, ERR_FOUND,
                       "version %llu of %s has expired on %.10s; --force takes it all "
                       "the same",
                       (unsigned long long)to, name, ended);
    }
    return ERR_OK;
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

enum err command_rollback(const struct client_command *c, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    const struct report report = {.json = c->json, .quiet = c->quiet};
    struct certificate_versions versions;
    char until[CLOCK_TEXT_SIZE];
    const char *name = NULL;
    struct place place;
    struct status s;
    uint64_t to = 0;

    TRY(place_one(c, &name, why));
    TRY(place_find(c, &place, why));
    TRY(certificate_versions_read(c->arena, place.directory, name, &versions, why));
    TRY(state_lock_certificate(c->arena, place.directory, name, 1000 * c->wait, &lock,
                               why));
    TRY(certificate_versions_read(c->arena, place.directory, name, &versions, why));
    TRY(choose(c, name, &versions, &to, why));
    *c->unchanged = to == versions.current;
    TRY(check_end(c, &place, name, to, why));
    if (to != versions.current)
        TRY(certificate_versions_switch(c->arena, place.directory, name, to, why));
    status_read(c->arena, &place, name, clock_now(), &s);
    if (!s.there)
        return err_set(why, ERR_MALFORMED, "%s",
                       s.problem != NULL ? s.problem : "the version has no certificate");
    clock_text(until, status_end(&s));
    report_step(&report, to == versions.current ? "kept" : "back",
                "%s, version %llu in place of %llu, valid until %.10s", name,
                (unsigned long long)to, (unsigned long long)versions.current, until);
    enum err result =
        to != versions.current ? deploy(c, &place, &s, &report, why) : ERR_OK;
    if (c->json) {
        print_json(&s, versions.current, to);
        *c->printed = true;
    }
    return result;
}
