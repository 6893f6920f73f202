/* cairn-ca check: what was issued, looked at again (server/check). It reads the files of
 * the CA, which may run meanwhile, and asks it nothing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/json/json_write.h"
#include "server/admin/admin_request.h"
#include "server/admin/admin_socket.h"
#include "server/check/check.h"
#include "server/command/command.h"
#include "server/store/store_review.h"

#define OUTPUT_MAX    (256 * 1024 * 1024)
#define SHOWN_DEFAULT 20
#define PROGRESS_US   INT64_C(5000000) /* between two lines */
#define LOW_PRIORITY  10               /* who issues comes first */
#define DATE_LEN      10               /* "2026-01-31" */

struct checking {
    const struct command_line *line;
    int64_t since;
    unsigned int parts;
    int64_t limit; /* findings shown of each kind */
    int64_t found[CHECK_KINDS];
    const char *names[CHECK_KINDS];
    struct json_writer list; /* with --json */
    int64_t told_us;
};

/* ---- what comes in ---- */

static void show(const struct check_finding *f)
{
    const char *about = f->object != NULL ? f->object : "";

    printf("%s%s%s%s%s: %s\n", f->name, f->serial != NULL ? " " : "",
           f->serial != NULL ? f->serial : "", about[0] != '\0' ? " " : "", about,
           f->detail);
    printf("    %s\n    %s\n", f->rule, f->advice);
}

static void write_finding(struct json_writer *w, const struct check_finding *f)
{
    json_write_begin_object(w, NULL);
    json_write_text(w, "finding", f->name);
    json_write_text(w, "part", check_part_name(f->part));
    json_write_text(w, "serial", f->serial);
    json_write_text(w, "object", f->object);
    json_write_text(w, "rule", f->rule);
    json_write_text(w, "detail", f->detail);
    json_write_text(w, "advice", f->advice);
    json_write_end_object(w);
}

static void on_found(void *argument, const struct check_finding *f)
{
    struct checking *c = argument;

    c->names[f->kind] = f->name;
    if (++c->found[f->kind] > c->limit)
        return;
    if (c->line->json)
        write_finding(&c->list, f);
    else
        show(f);
}

static void on_progress(void *argument, const char *what, int64_t done, int64_t all)
{
    struct checking *c = argument;
    int64_t now = clock_monotonic_us();

    if (now - c->told_us < PROGRESS_US)
        return;
    c->told_us = now;
    if (all > 0)
        fprintf(stderr, "cairn-ca: looked at %lld of %lld %s\n", (long long)done,
                (long long)all, what);
    else
        fprintf(stderr, "cairn-ca: looking at %s (%lld)\n", what, (long long)done);
}

/* ---- what goes out ---- */

static const struct {
    const char *name;
    size_t offset;
} sums_shown[] = {
    {"issuances", offsetof(struct check_sums, issuances)},
    {"certificates", offsetof(struct check_sums, certificates)},
    {"revoked", offsetof(struct check_sums, revoked)},
    {"without_profile", offsetof(struct check_sums, profile_gone)},
    {"evidence_expired", offsetof(struct check_sums, evidence_expired)},
    {"lists", offsetof(struct check_sums, lists)},
    {"entries", offsetof(struct check_sums, entries)},
    {"findings", offsetof(struct check_sums, findings)},
};

static int64_t sum_at(const struct check_sums *sums, size_t i)
{
    int64_t value = 0;

    memcpy(&value, (const char *)sums + sums_shown[i].offset, sizeof value);
    return value;
}

static enum err print_json(const struct checking *c, const struct check_sums *sums,
                           struct span list, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(OUTPUT_MAX + OUTPUT_MAX / 4);
    struct json_writer w = json_writer_make(&b);

    json_write_begin_object(&w, NULL);
    json_write_bool(&w, "clean", sums->findings == 0);
    for (size_t i = 0; i < sizeof sums_shown / sizeof sums_shown[0]; i++)
        json_write_number(&w, sums_shown[i].name, sum_at(sums, i));
    json_write_begin_object(&w, "by_finding");
    for (size_t i = 0; i < CHECK_KINDS; i++)
        if (c->found[i] > 0)
            json_write_number(&w, c->names[i], c->found[i]);
    json_write_end_object(&w);
    json_write_raw(&w, "list", list);
    json_write_end_object(&w);
    if (b.failed || c->list.buf->failed)
        return err_set(why, ERR_TOO_LARGE, "that is too much to print; lower --limit");
    printf("%.*s\n", (int)b.len, (const char *)b.data);
    return ERR_OK;
}

static void print_text(const struct checking *c, const struct check_sums *sums)
{
    for (size_t i = 0; i < CHECK_KINDS; i++)
        if (c->found[i] > c->limit)
            printf("%s: %lld more\n", c->names[i], (long long)(c->found[i] - c->limit));
    for (size_t i = 0; i < sizeof sums_shown / sizeof sums_shown[0]; i++)
        printf("%s: %lld\n", sums_shown[i].name, (long long)sum_at(sums, i));
}

/* ---- the command line ---- */

static enum err read_since(const struct command_line *line, int64_t *since,
                           struct err_info *why)
{
    const char *text = line->check_since;
    int64_t now = clock_now();

    if (text == NULL)
        return ERR_OK;
    if (strlen(text) == DATE_LEN)
        text = arena_printf(line->arena, "%sT00:00:00Z", text);
    if (!admin_request_past(text, now, since) || *since > now)
        return err_set(why, ERR_USAGE,
                       "--since: \"%.50s\" is no time that is over, such as 2026-01-31, "
                       "2026-01-31T12:00:00Z, or 36h before now",
                       line->check_since);
    return ERR_OK;
}

static enum err read_parts(const struct command_line *line, unsigned int *bits,
                           struct err_info *why)
{
    for (size_t i = 0; i < line->check_only.count; i++) {
        size_t part = 0;
        while (part < CHECK_PARTS && strcmp(line->check_only.items[i],
                                            check_part_name((enum check_part)part)) != 0)
            part++;
        if (part == CHECK_PARTS)
            return err_set(why, ERR_USAGE,
                           "--only: \"%.50s\" is none of store, certificates, profiles, "
                           "evidence, lists and audit",
                           line->check_only.items[i]);
        *bits |= 1U << part;
    }
    if (line->check_only.count == 0)
        *bits = (1U << CHECK_PARTS) - 1;
    return ERR_OK;
}

/* ---- all of it ---- */

static enum err look(struct checking *c, struct check_sums *sums, struct err_info *why)
{
    const struct command_line *line = c->line;
    struct check check = {.now = clock_now(),
                          .since = c->since,
                          .served = admin_socket_is_served(line->arena, line->directory),
                          .parts = c->parts,
                          .found = on_found,
                          .progress = on_progress,
                          .argument = c};
    struct store *store = NULL;

    TRY(settings_load(line->arena, line->directory, line->sets.items, line->sets.count,
                      &check.settings, why));
    TRY(store_review_open(
        settings_path(line->arena, check.settings, check.settings->store_file), &store,
        why));
    enum err result = store_session_open(store, &check.session, why);
    if (result == ERR_OK)
        result = check_run(&check, sums, why);
    store_session_close(check.session);
    store_close(store);
    return result;
}

enum err command_check(const struct command_line *line, struct err_info *why)
{
    AUTO(buf) struct buf list = buf_make(OUTPUT_MAX);
    struct checking c = {.line = line,
                         .limit =
                             line->check_limit > 0 ? line->check_limit : SHOWN_DEFAULT,
                         .list = json_writer_make(&list),
                         .told_us = clock_monotonic_us()};
    struct check_sums sums = {0};

    TRY(read_since(line, &c.since, why));
    TRY(read_parts(line, &c.parts, why));
    log_configure(LOG_LEVEL_ERROR, "check"); /* rules that only warn have had their say */
    (void)!nice(LOW_PRIORITY);
    json_write_begin_array(&c.list, NULL);
    TRY(look(&c, &sums, why));
    json_write_end_array(&c.list);
    if (line->json)
        TRY(print_json(&c, &sums, buf_span(&list), why));
    else
        print_text(&c, &sums);
    return sums.findings == 0
               ? ERR_OK
               : err_set(why, ERR_FOUND, "%lld findings", (long long)sums.findings);
}
