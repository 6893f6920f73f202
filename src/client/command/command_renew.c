/* cairn renew: whatever is due, each in the way it was made; one failure stops no other.
 */
#include <stdio.h>

#include "client/command/client_command.h"
#include "client/command/issuing.h"
#include "client/plan/plan.h"
#include "client/store/metadata.h"
#include "client/store/state.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

struct renewal {
    const struct client_command *c;
    const char *directory;
    struct crew crew;
    struct buf text;
    struct json_writer json;
    size_t due;
    size_t failed;
    enum err last; /* the last failure's code */
};

static void note(struct renewal *r, const char *name, const char *outcome,
                 const char *error, const struct certificate_metadata *m)
{
    json_write_begin_object(&r->json, NULL);
    json_write_text(&r->json, "name", name);
    json_write_text(&r->json, "outcome", outcome);
    if (error != NULL)
        json_write_text(&r->json, "error", error);
    if (m != NULL)
        json_write_time(&r->json, "not_after", m->not_after);
    json_write_end_object(&r->json);
}

static void fail(struct renewal *r, const char *name, enum err code,
                 const struct err_info *why)
{
    r->failed++;
    r->last = code;
    report_warning("%s: %s", name, why->detail);
    note(r, name, "failed", why->detail, NULL);
}

static void renew_one(struct renewal *r, const char *name)
{
    /* its own arena: ten thousand certificates in one run must not add up */
    AUTO(arena) struct arena *a = arena_new();
    struct issuing i = {.directory = r->directory,
                        .name = name,
                        .crew = &r->crew,
                        .agree_terms = r->c->agree_terms,
                        .forced = r->c->force,
                        .report = {.json = r->c->json, .quiet = r->c->quiet}};
    struct err_info why = {0};
    const char *path = NULL;

    enum err result = certificate_store_get(a, r->directory, name, &i.wanted, &why);
    if (result == ERR_OK && !r->c->force && clock_now() < plan_due(&i.wanted)) {
        note(r, name, "not due", NULL, &i.wanted);
        return;
    }
    r->due++;
    if (result == ERR_OK) {
        report_step(&i.report, "renew", "%s", name);
        result = issuing_run(a, &i, &path, &why);
    }
    if (result != ERR_OK)
        fail(r, name, result, &why);
    else
        note(r, name, "renewed", NULL, &i.wanted);
}

static enum err choose(const struct client_command *c, const char *directory,
                       const char *const **names, size_t *count, struct err_info *why)
{
    struct certificate_metadata m;

    if (c->arguments.count == 0)
        return certificate_store_list(c->arena, directory, names, count, why);
    for (size_t i = 0; i < c->arguments.count; i++) {
        if (!certificate_store_is_name(c->arguments.items[i]))
            return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name",
                           c->arguments.items[i]);
        TRY(certificate_store_get(c->arena, directory, c->arguments.items[i], &m, why));
    }
    *names = c->arguments.items;
    *count = c->arguments.count;
    return ERR_OK;
}

enum err command_renew(const struct client_command *c, struct err_info *why)
{
    struct renewal r = {.c = c, .directory = c->directory};
    const struct report report = {.json = c->json, .quiet = c->quiet};
    const char *const *names = NULL;
    size_t count = 0;

    if (r.directory == NULL)
        TRY(state_default_directory(c->arena, &r.directory, why));
    TRY(state_prepare(c->arena, r.directory, why));
    TRY(state_lock(c->arena, r.directory, why));
    TRY(choose(c, r.directory, &names, &count, why));
    TRY(issuing_prepare(&r.crew, r.directory, &report, why));
    r.text = buf_make(OUTPUT_MAX);
    r.json = json_writer_make(&r.text);
    json_write_begin_array(&r.json, NULL);
    for (size_t i = 0; i < count && interrupt_signal() == 0; i++)
        renew_one(&r, names[i]);
    crew_end(&r.crew);
    json_write_end_array(&r.json);
    if (c->json) {
        printf("%.*s\n", (int)r.text.len, (const char *)r.text.data);
        *c->printed = true;
    }
    buf_free(&r.text);
    report_step(&report, "done", "%zu certificate%s, %zu due, %zu renewed, %zu failed",
                count, count == 1 ? "" : "s", r.due, r.due - r.failed, r.failed);
    if (r.failed > 0)
        return err_set(why, r.last, "%zu of %zu certificates could not be renewed",
                       r.failed, r.due);
    return ERR_OK;
}
