/* deploy.json */
#include "client/deploy/deploy_status.h"

#include <string.h>

#include "client/store/state_time.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

#define VERSION      1
#define STATE_MAX    (128 * 1024) /* octets */
#define PRIVATE_MODE 0600

/* seconds after so many failures in a row; then the last one each time */
static const int64_t waits[] = {60, 600, 6000, 86400};

#define WAIT_COUNT ((int64_t)(sizeof waits / sizeof waits[0]))

static char *path_of(struct arena *a, const char *directory, const char *certificate)
{
    return arena_printf(a, "%s/certificates/%s/deploy.json", directory, certificate);
}

/* ---- writing ---- */

static void write_one(struct json_writer *w, const struct deploy_status *s)
{
    json_write_begin_object(w, NULL);
    json_write_text(w, "name", s->name);
    json_write_text(w, "serial", s->serial);
    json_write_text(w, "options", s->options);
    state_time_write(w, "deployed", s->deployed);
    if (s->failures > 0) {
        json_write_begin_object(w, "failure");
        json_write_number(w, "count", s->failures);
        json_write_text(w, "serial", s->tried_serial);
        json_write_text(w, "options", s->tried_options);
        json_write_text(w, "detail", s->error);
        state_time_write(w, "when", s->failed);
        state_time_write(w, "next_try", s->next_try);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

void deploy_status_write(struct buf *b, const struct deploy_statuses *all)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    json_write_number(&w, "version", VERSION);
    json_write_begin_array(&w, "deployments");
    for (size_t i = 0; i < all->count; i++)
        write_one(&w, &all->items[i]);
    json_write_end_array(&w);
    json_write_end_object(&w);
    buf_add_text(b, "\n");
}

enum err deploy_status_save(struct arena *a, const char *directory,
                            const char *certificate, const struct deploy_statuses *all,
                            struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(STATE_MAX);

    deploy_status_write(&b, all);
    if (b.failed)
        return err_set(why, ERR_IO, "what is remembered of %s's deployments is too large",
                       certificate);
    const char *path = path_of(a, directory, certificate);
    file_sweep(path); /* the certificate's lock is held */
    return file_replace(path, buf_span(&b), PRIVATE_MODE, why);
}

/* ---- reading ---- */

static enum err read_failure(const struct json *object, struct deploy_status *s,
                             struct err_info *why)
{
    if (object == NULL)
        return ERR_OK;
    TRY(json_take_number(object, "count", 1, &s->failures, why));
    if (s->failures < 0)
        return err_set(why, ERR_MALFORMED, "count is below nothing");
    TRY(json_need_text(object, "serial", &s->tried_serial, why));
    TRY(json_need_text(object, "options", &s->tried_options, why));
    TRY(json_need_text(object, "detail", &s->error, why));
    TRY(state_time_take(object, "when", &s->failed, why));
    return state_time_take(object, "next_try", &s->next_try, why);
}

static const struct deploy_status empty = {
    .name = "",
    .serial = "",
    .options = "",
    .tried_serial = "",
    .tried_options = "",
    .error = "",
};

static enum err read_one(const struct json *object, struct deploy_status *s,
                         struct err_info *why)
{
    *s = empty;
    TRY(json_need_text(object, "name", &s->name, why));
    TRY(json_need_text(object, "serial", &s->serial, why));
    TRY(json_need_text(object, "options", &s->options, why));
    TRY(state_time_take(object, "deployed", &s->deployed, why));
    return read_failure(json_member(object, "failure"), s, why);
}

void deploy_status_read(struct arena *a, struct span text, struct deploy_statuses *all)
{
    const struct json *document = NULL;
    struct err_info ignored = {0};

    all->count = 0;
    if (json_read(a, text, &document, &ignored) != ERR_OK)
        return;
    const struct json *list = json_member(document, "deployments");
    for (size_t i = 0; i < json_count(list) && all->count < DEPLOY_STATUS_MAX; i++)
        if (read_one(json_element(list, i), &all->items[all->count], &ignored) == ERR_OK)
            all->count++;
}

void deploy_status_load(struct arena *a, const char *directory, const char *certificate,
                        struct deploy_statuses *all)
{
    struct err_info ignored = {0};
    struct span text = span_of("");

    (void)!file_read(a, path_of(a, directory, certificate), STATE_MAX, &text, &ignored);
    deploy_status_read(a, text, all);
}

/* ---- what is known, and what follows ---- */

struct deploy_status *deploy_status_of(struct deploy_statuses *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].name, name) == 0)
            return &all->items[i];
    /* those that nobody names any more make room */
    struct deploy_status *added =
        &all->items[all->count < DEPLOY_STATUS_MAX ? all->count++ : 0];
    *added = empty;
    added->name = name;
    return added;
}

static bool is_that(const char *serial, const char *options, const char *other_serial,
                    const char *other_options)
{
    return strcmp(serial, other_serial) == 0 && strcmp(options, other_options) == 0;
}

enum deploy_need deploy_status_need(const struct deploy_status *s, const char *serial,
                                    const char *options, int64_t now)
{
    if (s->failures == 0)
        return is_that(s->serial, s->options, serial, options) ? DEPLOY_NEED_NOTHING
                                                               : DEPLOY_NEED_NOW;
    bool waits_for_it = is_that(s->tried_serial, s->tried_options, serial, options) &&
                        now < s->next_try && now >= s->failed;
    return waits_for_it ? DEPLOY_NEED_LATER : DEPLOY_NEED_NOW;
}

void deploy_status_done(struct deploy_status *s, const char *serial, const char *options,
                        int64_t now)
{
    const char *name = s->name;

    *s = empty;
    s->name = name;
    s->serial = serial;
    s->options = options;
    s->deployed = now;
}

void deploy_status_failed(struct deploy_status *s, const char *serial,
                          const char *options, const char *error, int64_t now)
{
    if (!is_that(s->tried_serial, s->tried_options, serial, options))
        s->failures = 0;
    s->tried_serial = serial;
    s->tried_options = options;
    s->error = error;
    s->failed = now;
    s->next_try = now + waits[s->failures < WAIT_COUNT ? s->failures : WAIT_COUNT - 1];
    s->failures++;
}
