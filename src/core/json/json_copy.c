/* Copies from what was read to what is written; as deep as reading allows
 * (JSON_READ_MAX_DEPTH). */
#include "core/json/json_copy.h"

void json_copy_members(struct json_writer *w, const struct json *object)
{
    const char *name = NULL;

    for (size_t i = 0; i < json_count(object); i++) {
        const struct json *value = json_member_at(object, i, &name);
        json_copy_value(w, name, value);
    }
}

void json_copy_value(struct json_writer *w, const char *name, const struct json *value)
{
    if (json_is_string(value)) {
        json_write_span(w, name, json_span(value));
    } else if (json_is_whole(value)) {
        json_write_number(w, name, json_whole(value));
    } else if (json_is_true(value) || json_is_false(value)) {
        json_write_bool(w, name, json_is_true(value));
    } else if (json_is_array(value)) {
        json_write_begin_array(w, name);
        for (size_t i = 0; i < json_count(value); i++)
            json_copy_value(w, NULL, json_element(value, i));
        json_write_end_array(w);
    } else if (json_is_object(value)) {
        json_write_begin_object(w, name);
        json_copy_members(w, value);
        json_write_end_object(w);
    } else {
        json_write_text(w, name, NULL);
    }
}
