/* cairn apply: everything as cairn.yaml says. */
#include <stdio.h>

#include "client/command/batch.h"
#include "client/command/status.h"
#include "client/store/certificate_versions.h"
#include "client/store/state.h"
#include "core/base/clock.h"

#define OUTPUT_MAX (16 * 1024 * 1024) /* octets */

/* Remove the certificate if nothing says any more how it is to be got. */
static enum err prune_one(const struct place *p, const struct report *report,
                          int64_t wait_ms, const char *name, struct json_writer *json,
                          size_t *removed, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct status s;

    status_read(a, p, name, clock_now(), &s);
    if (s.origin != STATUS_LEFT_OVER)
        return ERR_OK;
    AUTO(state_lock) struct state_lock lock = {0};
    TRY(state_lock_certificate(a, p->directory, name, wait_ms, &lock, why));
    TRY(certificate_versions_remove(a, p->directory, name, why));
    report_step(report, "removed", "%s, which cairn.yaml does not name any more", name);
    json_write_text(json, NULL, name);
    (*removed)++;
    return ERR_OK;
}

static enum err prune(const struct client_command *c, const struct place *p,
                      const struct place_names *names, struct json_writer *json,
                      size_t *removed, struct err_info *why)
{
    const struct report report = {.json = c->json, .quiet = c->quiet};

    for (size_t i = 0; i < names->count; i++)
        TRY(prune_one(p, &report, 1000 * c->wait, names->items[i], json, removed, why));
    return ERR_OK;
}

enum err command_apply(const struct client_command *c, struct err_info *why)
{
    AUTO(buf) struct buf text = buf_make(OUTPUT_MAX);
    struct json_writer json = json_writer_make(&text);
    struct place place;
    struct batch b = {.c = c,
                      .place = &place,
                      .verb = "brought about",
                      .careful = true,
                      .skips_left_over = c->arguments.count == 0,
                      .json = &json};
    size_t changed = 0;
    size_t removed = 0;

    if (c->prune && c->dry_run)
        return err_set(why, ERR_USAGE,
                       "--prune removes, --dry-run does not; cairn plan --prune shows "
                       "what would be removed");
    TRY(place_find(c, &place, why));
    TRY(place_certificates(c, &place, &b.names, why));
    json_write_begin_object(&json, NULL);
    json_write_begin_array(&json, "certificates");
    size_t before = text.len;
    enum err result = batch_run(&b, &changed, why);
    bool tells = text.len > before;
    json_write_end_array(&json);
    json_write_begin_array(&json, "removed");
    if (result == ERR_OK && c->prune)
        result = prune(c, &place, &b.names, &json, &removed, why);
    json_write_end_array(&json);
    json_write_end_object(&json);
    if (c->json && (result == ERR_OK || tells)) {
        printf("%.*s\n", (int)text.len, (const char *)text.data);
        *c->printed = true;
    }
    *c->unchanged = changed + removed == 0;
    return result;
}
