/* metadata.json */
#include "client/store/metadata.h"

#include "core/base/clock.h"
#include "core/json/json_read.h"

/* The first one stands outside the list as well: most certificates have no other. */
static void write_part(struct json_writer *w, const struct certificate_part *p)
{
    json_write_text(w, "key_type", p->key_type);
    json_write_time(w, "not_before", p->not_before);
    json_write_time(w, "not_after", p->not_after);
    json_write_text(w, "serial", p->serial);
    json_write_text(w, "id", p->id);
}

void metadata_write_members(struct json_writer *w, const struct certificate_metadata *m)
{
    json_write_begin_array(w, "names");
    for (size_t i = 0; i < m->name_count; i++)
        json_write_text(w, NULL, m->names[i]);
    json_write_end_array(w);
    json_write_text(w, "ca", m->ca);
    json_write_text(w, "device", m->device);
    if (m->part_count > 0)
        write_part(w, &m->parts[0]);
    json_write_begin_array(w, "keys");
    for (size_t i = 0; i < m->part_count; i++) {
        json_write_begin_object(w, NULL);
        write_part(w, &m->parts[i]);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    certificate_asked_write(w, &m->asked);
    json_write_bool(w, "revoked", m->revoked);
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

static enum err read_part(const struct json *object, struct certificate_part *p,
                          struct err_info *why)
{
    TRY(json_need_text(object, "key_type", &p->key_type, why));
    TRY(need_time(object, "not_before", &p->not_before, why));
    TRY(need_time(object, "not_after", &p->not_after, why));
    TRY(json_need_text(object, "serial", &p->serial, why));
    return json_need_text(object, "id", &p->id, why);
}

static enum err read_parts(const struct json *object, struct certificate_metadata *m,
                           struct err_info *why)
{
    const struct json *list = NULL;

    TRY(json_need_array(object, "keys", &list, why));
    m->part_count = json_count(list);
    if (m->part_count == 0 || m->part_count > SETTINGS_KEYS_MAX)
        return err_set(why, ERR_MALFORMED, "keys is empty, or too long");
    for (size_t i = 0; i < m->part_count; i++)
        TRY(read_part(json_element(list, i), &m->parts[i], why));
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
    TRY(json_need_text(object, "device", &read.device, why));
    TRY(read_parts(object, &read, why));
    TRY(certificate_asked_read(object, &read.asked, why));
    TRY(json_take_bool(object, "revoked", false, &read.revoked, why));
    read.knows_revoked = json_member(object, "revoked") != NULL;
    *m = read;
    return ERR_OK;
}
