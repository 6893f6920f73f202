/* cairn check: is cairn.yaml good? And with names: would a CA be content? */
#include <stdio.h>

#include <string.h>

#include "client/command/issue_settings.h"
#include "client/command/place.h"
#include "client/preflight/preflight.h"
#include "client/store/state.h"
#include "client/work/work.h"
#include "client/work/work_confine.h"
#include "client/work/work_places.h"
#include "core/base/file.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX (1024 * 1024) /* octets */

static enum err check_one(const struct place *p, const struct work_places *places,
                          const struct wanted *w, struct err_info *why)
{
    TRY(work_check(w, why));
    TRY(work_places_check(places, p->directory, w, why));
    return work_places_check_keys(w, why);
}

/* What can be seen without asking anybody; each mistake is told. */
static size_t check_all(struct arena *a, const struct place *p, struct json_writer *w)
{
    const struct config_group *all = &p->settings.certificates;
    const struct work_places *places = work_places_read(a, &p->settings);
    size_t wrong = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct settings_certificate *c = all->members[i];
        struct err_info why = {0};
        struct wanted wanted;
        settings_wanted(&p->settings, c, &wanted);
        if (check_one(p, places, &wanted, &why) == ERR_OK)
            continue;
        wrong++;
        report_warning("certificates.%s: %s", c->name, why.detail);
        json_write_begin_object(w, NULL);
        json_write_text(w, "name", c->name);
        json_write_text(w, "detail", why.detail);
        json_write_end_object(w);
    }
    return wrong;
}

static enum err check_file(const struct client_command *c, const struct place *p,
                           struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    struct json_writer w = json_writer_make(&b);
    const char *file = c->config != NULL ? c->config : SETTINGS_FILE_DEFAULT;
    size_t count = p->settings.certificates.count;
    bool there = c->config != NULL || file_exists(file);

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "file", there ? file : NULL);
    json_write_text(&w, "state", p->directory);
    json_write_number(&w, "certificates", (int64_t)count);
    json_write_begin_array(&w, "mistakes");
    size_t wrong = check_all(c->arena, p, &w);
    json_write_end_array(&w);
    json_write_end_object(&w);
    if (c->json) {
        printf("%.*s\n", (int)b.len, (const char *)b.data);
        *c->printed = true;
    }
    if (wrong > 0)
        return err_set(why, ERR_CONFIG, "%zu of %zu certificates in %s have mistakes",
                       wrong, count, file);
    if (!c->json && !there)
        printf("there is no %s, and nothing to be checked\n", file);
    else if (!c->json)
        printf("%s is good: %zu certificate%s\n", file, count, count == 1 ? "" : "s");
    return ERR_OK;
}

/* ---- with names ---- */

static const char *const levels[] = {
    [PREFLIGHT_GOOD] = "good", [PREFLIGHT_NOTE] = "note", [PREFLIGHT_WRONG] = "wrong"};

static void write_findings(struct json_writer *w, const struct preflight *p)
{
    json_write_begin_object(w, NULL);
    json_write_text(w, "name", p->wanted->certificate->name);
    json_write_number(w, "wrong", (int64_t)p->wrong);
    json_write_begin_array(w, "findings");
    for (size_t i = 0; i < p->count; i++) {
        const struct preflight_finding *f = &p->findings[i];
        json_write_begin_object(w, NULL);
        json_write_text(w, "level", levels[f->level]);
        json_write_text(w, "part", f->part);
        json_write_text(w, "about", f->about);
        json_write_text(w, "detail", f->sentence);
        json_write_text(w, "advice", f->advice);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    json_write_end_object(w);
}

static void print_findings(const struct client_command *c, const struct preflight *p)
{
    for (size_t i = 0; i < p->count && !c->json; i++) {
        const struct preflight_finding *f = &p->findings[i];
        printf("%-6s %-14s %s: %s%s%s\n", levels[f->level], f->part, f->about,
               f->sentence, f->advice[0] != '\0' ? "; " : "", f->advice);
    }
}

/* The certificates that are named; names that are none are those of one that is not there
 * yet. */
static enum err find_wanted(const struct client_command *c, const struct place *p,
                            struct wanted *list, size_t *count, struct err_info *why)
{
    for (size_t i = 0; i < c->arguments.count; i++) {
        const char *name = c->arguments.items[i];
        struct err_info one = {0};
        enum err result =
            settings_is_certificate_name(name)
                ? work_find(c->arena, p->directory, &p->settings, name, &list[i], &one)
                : ERR_NOT_FOUND;
        if (result == ERR_NOT_FOUND) {
            *count = 1;
            return issue_settings_make(c, &p->settings, &list[0], why);
        }
        if (result != ERR_OK)
            return err_set(why, result, "%s", one.detail);
    }
    *count = c->arguments.count;
    return ERR_OK;
}

static enum err check_each(const struct client_command *c, const struct place *place,
                           struct crew *crew, struct json_writer *w, size_t *wrong,
                           struct err_info *why)
{
    struct wanted *list = arena_array(c->arena, c->arguments.count, sizeof *list);
    size_t count = 0;

    TRY(find_wanted(c, place, list, &count, why));
    TRY(state_prepare(c->arena, place->directory, why)); /* locks of ports are there */
    struct work_files files = work_files_make(c->arena, place->directory);
    for (size_t i = 0; i < count; i++)
        work_files_add_wanted(&files, &list[i]);
    const struct preflight_host host = preflight_this_host(c->arena);
    TRY(work_confine(crew, &files, why));
    for (size_t i = 0; i < count; i++) {
        struct preflight p = {.arena = c->arena,
                              .wanted = &list[i],
                              .directory = place->directory,
                              .crew = crew,
                              .host = host};
        TRY(crew_start(crew, why));
        TRY(preflight_run(&p, why));
        print_findings(c, &p);
        write_findings(w, &p);
        *wrong += p.wrong;
    }
    return ERR_OK;
}

static enum err check_world(const struct client_command *c, const struct place *place,
                            struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX);
    AUTO(crew) struct crew crew = {0};
    struct json_writer w = json_writer_make(&b);
    size_t wrong = 0;

    json_write_begin_array(&w, NULL);
    TRY(check_each(c, place, &crew, &w, &wrong, why));
    json_write_end_array(&w);
    if (c->json) {
        printf("%.*s\n", (int)b.len, (const char *)b.data);
        *c->printed = true;
    }
    return wrong == 0 ? ERR_OK
                      : err_set(why, ERR_VALIDATION, "%zu thing%s wrong", wrong,
                                wrong == 1 ? " is" : "s are");
}

enum err command_check(const struct client_command *c, struct err_info *why)
{
    struct place place;

    TRY(place_find(c, &place, why));
    return c->arguments.count == 0 ? check_file(c, &place, why)
                                   : check_world(c, &place, why);
}
