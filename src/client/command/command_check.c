/* cairn check: is cairn.yaml good? */
#include <stdio.h>

#include "client/command/place.h"
#include "client/work/work.h"
#include "core/json/json_write.h"

#define OUTPUT_MAX (1024 * 1024) /* octets */

/* What can be seen without asking anybody; each mistake is told. */
static size_t check_all(const struct place *p, struct json_writer *w)
{
    const struct config_group *all = &p->settings.certificates;
    size_t wrong = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct settings_certificate *c = all->members[i];
        struct err_info why = {0};
        struct wanted wanted;
        settings_wanted(&p->settings, c, &wanted);
        if (work_check(&wanted, &why) == ERR_OK)
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

    json_write_begin_object(&w, NULL);
    json_write_text(&w, "file", file);
    json_write_text(&w, "state", p->directory);
    json_write_number(&w, "certificates", (int64_t)count);
    json_write_begin_array(&w, "mistakes");
    size_t wrong = check_all(p, &w);
    json_write_end_array(&w);
    json_write_end_object(&w);
    if (c->json) {
        printf("%.*s\n", (int)b.len, (const char *)b.data);
        *c->printed = true;
    }
    if (wrong > 0)
        return err_set(why, ERR_CONFIG, "%zu of %zu certificates in %s cannot be got",
                       wrong, count, file);
    if (!c->json)
        printf("%s is good: %zu certificate%s\n", file, count, count == 1 ? "" : "s");
    return ERR_OK;
}

enum err command_check(const struct client_command *c, struct err_info *why)
{
    struct place place;

    TRY(place_find(c, &place, why));
    return check_file(c, &place, why);
}
