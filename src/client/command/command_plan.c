/* cairn plan: what cairn apply would do, and why. Changes nothing, asks nobody. */
#include <stdio.h>

#include "client/command/status.h"
#include "core/base/clock.h"

#define OUTPUT_MAX (64 * 1024 * 1024) /* octets */

struct planning {
    const struct client_command *c;
    const struct place *place;
    struct json_writer *json;
    int64_t now;
    size_t changes;
    size_t kept;
    size_t waiting;
    size_t left_over;
    size_t broken;
};

/* What would be done, in a word, and why. */
struct step {
    const char *action;
    const char *reason;
};

static struct step step_of(struct planning *p, struct arena *a, const struct status *s)
{
    char due[CLOCK_TEXT_SIZE];

    if (s->problem != NULL) {
        p->broken++;
        return (struct step){"broken", s->problem};
    }
    if (s->origin == STATUS_LEFT_OVER) {
        p->left_over++;
        p->changes += p->c->prune;
        return (struct step){p->c->prune ? "remove" : "left over",
                             p->c->prune ? "cairn.yaml does not name it"
                                         : "cairn.yaml does not name it; cairn apply "
                                           "--prune removes it"};
    }
    if (s->plan.waits && !s->deploys) {
        p->waiting++;
        return (struct step){"waits", status_reason(s)};
    }
    if (s->plan.action != PLAN_KEEP || s->deploys) {
        p->changes++;
        return (struct step){status_action(s), status_reason(s)};
    }
    p->kept++;
    if (s->plan.due <= 0 || s->plan.due == INT64_MAX)
        return (struct step){"keep", s->plan.reason};
    report_moment(due, s->plan.due, certificate_store_lifetime(&s->metadata));
    return (struct step){"keep",
                         arena_printf(a, "%s, renewed from %s", s->plan.reason, due)};
}

static void plan_one(struct planning *p, const char *name)
{
    AUTO(arena) struct arena *a = arena_new();
    struct status s;

    status_read(a, p->place, name, p->now, &s);
    const struct step step = step_of(p, a, &s);
    if (!p->c->json) {
        printf("%-10s%s: %s\n", step.action, name, step.reason);
        return;
    }
    json_write_begin_object(p->json, NULL);
    json_write_text(p->json, "name", name);
    json_write_text(p->json, "action", step.action);
    json_write_text(p->json, "reason", step.reason);
    if (s.there)
        json_write_bool(p->json, "revoked", s.metadata.revoked);
    if (s.wants && s.plan.due > 0 && s.plan.due != INT64_MAX)
        json_write_time(p->json, "due", s.plan.due);
    json_write_end_object(p->json);
}

enum err command_plan(const struct client_command *c, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    struct place_names names;
    struct place place;
    struct planning p = {.c = c, .place = &place, .json = &w, .now = clock_now()};

    TRY(place_look(c, &place, why));
    TRY(place_certificates(c, &place, &names, why));
    json_write_begin_object(&w, NULL);
    json_write_begin_array(&w, "certificates");
    for (size_t i = 0; i < names.count; i++)
        plan_one(&p, names.items[i]);
    json_write_end_array(&w);
    json_write_number(&w, "changes", (int64_t)p.changes);
    json_write_end_object(&w);
    if (c->json)
        printf("%.*s\n", (int)b.len, (const char *)b.data);
    else
        printf("%-10s%zu to change, %zu to keep%s\n", "plan", p.changes, p.kept,
               names.count == 0 ? "; cairn.yaml names no certificate" : "");
    *c->printed = c->json;
    if (p.broken > 0)
        return err_set(why, ERR_CONFIG, "%zu of %zu certificates cannot be planned",
                       p.broken, names.count);
    *c->unchanged = p.changes == 0;
    return ERR_OK;
}
