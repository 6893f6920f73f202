/* cairn delete: the end of a certificate. */
#include <stdio.h>

#include "client/command/status.h"
#include "client/store/certificate_versions.h"
#include "client/store/state.h"
#include "core/base/clock.h"

#define OUTPUT_MAX (64 * 1024) /* octets */

static void print_json(const struct status *s, size_t versions, bool removed,
                       bool revoked)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "name", s->name);
    json_write_bool(&w, "removed", removed);
    json_write_bool(&w, "revoked", removed && revoked);
    json_write_text(&w, "path", s->path);
    json_write_number(&w, "versions", (int64_t)versions);
    if (status_end(s) > 0)
        json_write_time(&w, "not_after", status_end(s));
    json_write_end_object(&w);
    printf("%.*s\n", (int)b.len, (const char *)b.data);
}

/* What would be gone. */
static void show(const struct client_command *c, const struct place *p,
                 const struct status *s, size_t versions)
{
    int64_t now = clock_now();

    if (c->json)
        return;
    printf("%-10s%s: %zu version%s with %s, in %s/certificates/%s\n", "remove", s->name,
           versions, versions == 1 ? "" : "s", versions == 1 ? "its key" : "their keys",
           p->directory, s->name);
    if (s->there && s->metadata.revoked)
        printf("%-10sit was, before\n", "revoked");
    else if (status_end(s) > now)
        printf("%-10sends %s; it is %srevoked by this\n", "valid",
               status_remaining(c->arena, status_end(s), now), c->revoke ? "" : "not ");
    for (size_t i = 0; s->wants && i < s->wanted.deployment_count; i++)
        printf("%-10swhat deployment %s has written stays there\n", "keep",
               s->wanted.deployments[i]->name);
    if (s->origin == STATUS_CONFIGURED)
        printf("%-10scairn.yaml still names it: cairn apply gets it anew\n", "note");
}

/* At its CA, before its key is gone. One that is revoked already is as good. */
static enum err revoke(const struct client_command *c, struct err_info *why)
{
    struct client_command line = *c;

    line.quiet = c->quiet || c->json;
    line.json = false;
    enum err result = command_revoke(&line, why);
    return result == ERR_ALREADY_REVOKED ? ERR_OK : result;
}

enum err command_delete(const struct client_command *c, struct err_info *why)
{
    AUTO(state_lock) struct state_lock lock = {0};
    struct certificate_versions versions;
    const char *name = NULL;
    struct place place;
    struct status s;

    TRY(place_one(c, &name, why));
    TRY(place_find(c, &place, why));
    if (c->yes) /* it may be gone already, but not all of its keys */
        TRY(certificate_versions_finish_removal(c->arena, place.directory, name, why));
    TRY(certificate_versions_read(c->arena, place.directory, name, &versions, why));
    status_read(c->arena, &place, name, clock_now(), &s);
    show(c, &place, &s, versions.count);
    if (c->yes && c->revoke)
        TRY(revoke(c, why));
    if (c->yes) {
        TRY(state_lock_certificate(c->arena, place.directory, name, 1000 * c->wait, &lock,
                                   why));
        TRY(certificate_versions_remove(c->arena, place.directory, name, why));
    }
    if (c->json)
        print_json(&s, versions.count, c->yes, c->revoke);
    else
        printf("%-10s%s\n", c->yes ? "removed" : "nothing",
               c->yes ? name : "is removed yet; --yes does it");
    *c->unchanged = !c->yes;
    return ERR_OK;
}
