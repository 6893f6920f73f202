/* cairn export: certificates laid out as another client has them. */
#include <stdio.h>
#include <string.h>

#include "client/adopt/adopt_export.h"
#include "client/command/place.h"
#include "client/report/report.h"
#include "client/store/state.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "core/base/file.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

static enum err find_folder(const struct client_command *c, const char **to,
                            struct err_info *why)
{
    if (c->export_to == NULL || c->export_to[0] == '\0')
        return err_set(why, ERR_USAGE, "say the folder: --to FOLDER");
    return client_command_path(c->arena, c->export_to, to, why);
}

struct exporting {
    const struct client_command *command;
    const struct place *place;
    const char *to;
    struct json_writer *writer;
    size_t written;
    size_t kept;
    size_t refused; /* somebody else's are there */
};

/* The JSON of one, and what there is to say of it. `foreign` says why one that somebody
 * else made there stays as it is; NULL: there is none. */
static void tell(struct exporting *x, struct arena *a, const char *name,
                 enum adopt_export_outcome outcome,
                 const struct adopt_export_notes *notes, const char *foreign)
{
    const struct report report = {.json = x->command->json, .quiet = x->command->quiet};
    const char *path = arena_printf(a, "%s/live/%s", x->to, name);
    const char *all = foreign;

    if (foreign != NULL) {
        path = NULL;
        report_warning("%s: %s", name, foreign);
    } else if (outcome == ADOPT_EXPORT_WITHOUT) {
        all = "it is passed over, as its key is not kept here, and certbot needs it";
        path = NULL;
        report_warning("%s: %s", name, all);
    } else {
        report_step(&report, outcome == ADOPT_EXPORT_WRITTEN ? "written" : "kept", "%s",
                    path);
    }
    for (size_t i = 0; i < notes->count; i++) {
        report_step(&report, "note", "%s: %s", name, notes->items[i]);
        all = all == NULL ? notes->items[i]
                          : arena_printf(a, "%s; %s", all, notes->items[i]);
    }
    json_write_begin_object(x->writer, NULL);
    json_write_text(x->writer, "name", name);
    json_write_text(x->writer, "path", path);
    json_write_bool(x->writer, "written", outcome == ADOPT_EXPORT_WRITTEN);
    json_write_text(x->writer, "note", all);
    json_write_end_object(x->writer);
}

static enum err export_one(struct exporting *x, const char *name, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(state_lock) struct state_lock lock = {0};
    const struct place *p = x->place;
    struct certificate_metadata metadata;
    enum adopt_export_outcome outcome = ADOPT_EXPORT_SAME;
    struct adopt_export_notes notes;
    struct err_info ignored = {0};
    struct wanted wanted;

    TRY(state_lock_certificate(a, p->directory, name, 1000 * x->command->wait, &lock,
                               why));
    TRY(certificate_store_get(a, p->directory, name, &metadata, why));
    bool known =
        work_find(a, p->directory, &p->settings, name, &wanted, &ignored) == ERR_OK;
    const struct adopt_export e = {.directory = p->directory,
                                   .to = x->to,
                                   .name = name,
                                   .wanted = known ? &wanted : NULL,
                                   .metadata = &metadata};
    enum err result = adopt_export_certbot(a, &e, &outcome, &notes, why);
    if (result != ERR_OK && result != ERR_EXISTS)
        return result;
    x->written += result == ERR_OK && outcome == ADOPT_EXPORT_WRITTEN;
    x->kept += result == ERR_OK && outcome == ADOPT_EXPORT_SAME;
    x->refused += result == ERR_EXISTS;
    tell(x, a, name, outcome, &notes, result == ERR_EXISTS ? why->detail : NULL);
    return ERR_OK;
}

/* It writes to that folder and takes locks in the state folder; it starts nothing and
 * connects nowhere. */
static enum err confine(const struct client_command *c, const struct place *p,
                        const char *to, const struct place_names *names,
                        struct err_info *why)
{
    struct work_files files = work_files_make(c->arena, p->directory);

    TRY(file_make_directory(to, 0755, why));
    work_files_add_names(&files, p->directory, &p->settings, names->items, names->count);
    work_files_add(&files, to, JAIL_KEEP);
    return work_confine_alone(&files, why);
}

enum err command_export(const struct client_command *c, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    struct place_names names;
    struct place place;
    struct exporting x = {.command = c, .place = &place, .writer = &w};

    if (c->layout != NULL && strcmp(c->layout, "certbot") != 0)
        return err_set(why, ERR_USAGE, "--layout: \"%.50s\" is not certbot", c->layout);
    TRY(find_folder(c, &x.to, why));
    TRY(place_find(c, &place, why));
    TRY(place_stored(c, &place, &names, why));
    if (names.count > 0)
        TRY(confine(c, &place, x.to, &names, why));
    json_write_begin_array(&w, NULL);
    for (size_t i = 0; i < names.count; i++)
        TRY(export_one(&x, names.items[i], why));
    json_write_end_array(&w);
    if (c->json) {
        printf("%.*s\n", (int)b.len, (const char *)b.data);
        *c->printed = true;
    }
    if (x.refused > 0)
        return err_set(why, ERR_EXISTS,
                       "%zu of %zu certificates could not be exported: cairn did not "
                       "write what is in %s; take another folder for them",
                       x.refused, names.count, x.to);
    if (names.count > 0 && x.written + x.kept == 0)
        return err_set(
            why, ERR_NOT_FOUND,
            "nothing was exported: none of these certificates has its key here");
    *c->unchanged = x.written == 0;
    return ERR_OK;
}
