/* metadata.json */
#include "client/store/metadata.h"

#include "core/base/clock.h"
#include "core/json/json_read.h"

void metadata_write_members(struct json_writer *w, const struct certificate_metadata *m)
{
    json_write_begin_array(w, "names");
    for (size_t i = 0; i < m->name_count; i++)
        json_write_text(w, NULL, m->names[i]);
    json_write_end_array(w);
    json_write_text(w, "ca", m->ca);
    json_write_text(w, "ca_file", m->ca_file);
    json_write_text(w, "key_type", m->key_type);
    ways_write_members(w, &m->ways);
    json_write_time(w, "not_before", m->not_before);
    json_write_time(w, "not_after", m->not_after);
    json_write_text(w, "serial", m->serial);
}

void metadata_write(struct buf *b, const struct certificate_metadata *m)
{
    struct json_writer w = json_writer_make(b);

    json_write_begin_object(&w, NULL);
    metadata_write_members(&w, m);
    json_write_end_object(&w);
    buf_add_text(b, "\n");
}

static enum err need_time(const struct json *object, const char *name, int64_t *seconds,
                          struct err_info *why)
{
    const char *text = NULL;

    TRY(json_need_text(object, name, &text, why));
    if (!clock_read(span_of(text), seconds))
        return err_set(why, ERR_MALFORMED, "%s is no time", name);
    return ERR_OK;
}

enum err metadata_read(struct arena *a, struct span text, struct certificate_metadata *m,
                       struct err_info *why)
{
    struct certificate_metadata read = {0};
    const struct json *object = NULL;
    const struct json *names = NULL;

    TRY(json_read(a, text, &object, why));
    TRY(json_need_array(object, "names", &names, why));
    const char **list = arena_array(a, json_count(names) + 1, sizeof *list);
    for (size_t i = 0; i < json_count(names); i++) {
        list[i] = json_text(json_element(names, i));
        if (list[i] == NULL)
            return err_set(why, ERR_MALFORMED, "names has something that is no text");
    }
    read.names = list;
    read.name_count = json_count(names);
    TRY(json_need_text(object, "ca", &read.ca, why));
    TRY(json_need_text(object, "ca_file", &read.ca_file, why));
    TRY(json_need_text(object, "key_type", &read.key_type, why));
    TRY(ways_read_members(object, &read.ways, why));
    TRY(need_time(object, "not_before", &read.not_before, why));
    TRY(need_time(object, "not_after", &read.not_after, why));
    TRY(json_need_text(object, "serial", &read.serial, why));
    *m = read;
    return ERR_OK;
}
