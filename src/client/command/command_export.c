/* cairn export: certificates laid out as another client has them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/adopt/adopt_export.h"
#include "client/command/place.h"
#include "client/report/report.h"
#include "client/store/state.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "core/base/file.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

/* An absolute path; its last part need not be there yet. */
static enum err find_folder(const struct client_command *c, const char **to,
                            struct err_info *why)
{
    char here[PATH_MAX];

    if (c->export_to == NULL || c->export_to[0] == '\0')
        return err_set(why, ERR_USAGE, "say the folder: --to FOLDER");
    if (c->export_to[0] == '/') {
        *to = c->export_to;
        return ERR_OK;
    }
    if (getcwd(here, sizeof here) == NULL)
        return err_set_os(why, ERR_IO, errno, "the current folder");
    *to = arena_printf(c->arena, "%s/%s", here, c->export_to);
    return ERR_OK;
}

static enum err export_one(const struct client_command *c, const struct place *p,
                           const char *to, const char *name, struct json_writer *w,
                           bool *changed, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    AUTO(state_lock) struct state_lock lock = {0};
    const struct report report = {.json = c->json, .quiet = c->quiet};
    struct certificate_metadata metadata;
    enum adopt_export_outcome outcome = ADOPT_EXPORT_SAME;
    struct err_info ignored = {0};
    const char *note = NULL;
    struct wanted wanted;

    TRY(state_lock_certificate(a, p->directory, name, 1000 * c->wait, &lock, why));
    TRY(certificate_store_get(a, p->directory, name, &metadata, why));
    bool known =
        work_find(a, p->directory, &p->settings, name, &wanted, &ignored) == ERR_OK;
    const struct adopt_export e = {.directory = p->directory,
                                   .to = to,
                                   .name = name,
                                   .wanted = known ? &wanted : NULL,
                                   .metadata = &metadata};
    TRY(adopt_export_certbot(a, &e, &outcome, &note, why));
    *changed = *changed || outcome == ADOPT_EXPORT_WRITTEN;
    report_step(&report, outcome == ADOPT_EXPORT_WRITTEN ? "written" : "kept",
                "%s/live/%s", to, name);
    if (note != NULL)
        report_step(&report, "note", "%s: %s", name, note);
    json_write_begin_object(w, NULL);
    json_write_text(w, "name", name);
    json_write_text(w, "path", arena_printf(a, "%s/live/%s", to, name));
    json_write_bool(w, "written", outcome == ADOPT_EXPORT_WRITTEN);
    json_write_text(w, "note", note);
    json_write_end_object(w);
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
    const char *to = NULL;
    bool changed = false;

    if (c->layout != NULL && strcmp(c->layout, "certbot") != 0)
        return err_set(why, ERR_USAGE, "--layout: \"%.50s\" is not certbot", c->layout);
    TRY(find_folder(c, &to, why));
    TRY(place_find(c, &place, why));
    TRY(place_stored(c, &place, &names, why));
    if (names.count > 0)
        TRY(confine(c, &place, to, &names, why));
    json_write_begin_array(&w, NULL);
    for (size_t i = 0; i < names.count; i++)
        TRY(export_one(c, &place, to, names.items[i], &w, &changed, why));
    json_write_end_array(&w);
    if (c->json)
        printf("%.*s\n", (int)b.len, (const char *)b.data);
    *c->unchanged = !changed;
    return ERR_OK;
}
