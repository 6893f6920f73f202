/* cairn renew: whatever is due, each in the way it was made; one failure stops no other.
 */
#include <stdio.h>

#include "client/command/client_command.h"
#include "client/store/metadata.h"
#include "client/store/state.h"
#include "client/work/issuing.h"
#include "client/work/work.h"
#include "core/base/interrupt.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

struct renewal {
    const struct client_command *c;
    const struct settings *settings;
    struct work work;
    struct crew crew;
    struct buf text;
    struct json_writer json;
    size_t due;
    size_t failed;
    enum err last; /* the last failure's code */
};

static void note(struct renewal *r, const char *name, const char *outcome,
                 const char *error, const struct work_result *result)
{
    json_write_begin_object(&r->json, NULL);
    json_write_text(&r->json, "name", name);
    json_write_text(&r->json, "outcome", outcome);
    if (error != NULL)
        json_write_text(&r->json, "error", error);
    if (result != NULL && result->metadata.part_count > 0)
        json_write_time(&r->json, "not_after", result->metadata.parts[0].not_after);
    json_write_end_object(&r->json);
}

static void fail(struct renewal *r, const char *name, enum err code,
                 const struct err_info *why)
{
    r->due++;
    r->failed++;
    r->last = code;
    report_warning("%s: %s", name, why->detail);
    note(r, name, "failed", why->detail, NULL);
}

static void renew_one(struct renewal *r, const char *name)
{
    /* its own arena: ten thousand certificates in one run must not add up */
    AUTO(arena) struct arena *a = arena_new();
    struct err_info why = {0};
    struct work_result result;
    struct wanted w;

    enum err failure = work_find(a, r->work.directory, r->settings, name, &w, &why);
    if (failure == ERR_OK)
        failure = work_certificate(a, &r->work, &w, &result, &why);
    if (failure != ERR_OK) {
        fail(r, name, failure, &why);
        return;
    }
    r->due += result.outcome != WORK_UNCHANGED;
    note(r, name,
         result.outcome == WORK_ISSUED     ? "renewed"
         : result.outcome == WORK_DEPLOYED ? "deployed"
                                           : "not due",
         NULL, &result);
}

static enum err choose(const struct client_command *c, const char *directory,
                       const char *const **names, size_t *count, struct err_info *why)
{
    struct certificate_metadata m;

    if (c->arguments.count == 0)
        return certificate_store_list(c->arena, directory, names, count, why);
    for (size_t i = 0; i < c->arguments.count; i++) {
        if (!settings_is_certificate_name(c->arguments.items[i]))
            return err_set(why, ERR_USAGE, "\"%.100s\" is no certificate's name",
                           c->arguments.items[i]);
        TRY(certificate_store_get(c->arena, directory, c->arguments.items[i], &m, why));
    }
    *names = c->arguments.items;
    *count = c->arguments.count;
    return ERR_OK;
}

static enum err run(struct renewal *r, struct err_info *why)
{
    const struct client_command *c = r->c;
    const char *const *names = NULL;
    size_t count = 0;

    TRY(choose(c, r->work.directory, &names, &count, why));
    TRY(issuing_prepare(&r->crew, r->work.directory, &r->work.report, why));
    json_write_begin_array(&r->json, NULL);
    for (size_t i = 0; i < count && interrupt_signal() == 0; i++)
        renew_one(r, names[i]);
    json_write_end_array(&r->json);
    if (c->json) {
        printf("%.*s\n", (int)r->text.len, (const char *)r->text.data);
        *c->printed = true;
    }
    report_step(&r->work.report, "done",
                "%zu certificate%s, %zu due, %zu renewed, %zu failed", count,
                count == 1 ? "" : "s", r->due, r->due - r->failed, r->failed);
    if (r->failed > 0)
        return err_set(why, r->last, "%zu of %zu certificates could not be renewed",
                       r->failed, r->due);
    *c->unchanged = r->due == 0;
    return ERR_OK;
}

enum err command_renew(const struct client_command *c, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(OUTPUT_MAX);
    struct settings settings;
    struct renewal r = {.c = c, .settings = &settings};

    r.work = (struct work){.crew = &r.crew,
                           .agree_terms = c->agree_terms,
                           .forced = c->force,
                           .report = {.json = c->json, .quiet = c->quiet}};
    TRY(settings_load(c->arena, c->config, &settings, why));
    TRY(client_command_directory(c, &settings, &r.work.directory, why));
    TRY(state_prepare(c->arena, r.work.directory, why));
    TRY(state_lock(c->arena, r.work.directory, why));
    r.text = text;
    r.json = json_writer_make(&r.text);
    enum err result = run(&r, why);
    text = r.text;
    crew_end(&r.crew);
    return result;
}
