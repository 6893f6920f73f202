/* Any octets as JSON: what is read can be walked, and its texts written and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/json/json_flat.h"
#include "core/json/json_read.h"
#include "core/json/json_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(struct arena *a, const char *text)
{
    AUTO(buf) struct buf b = buf_make(8 * JSON_READ_MAX_SIZE);
    struct json_writer w = json_writer_make(&b);
    const struct json *again = NULL;

    json_write_begin_array(&w, NULL);
    json_write_text(&w, NULL, text);
    json_write_end_array(&w);
    if (b.failed || b.len > JSON_READ_MAX_SIZE)
        return;
    if (json_read(a, buf_span(&b), &again, NULL) != ERR_OK)
        abort();
    if (!span_is(json_span(json_element(again, 0)), text))
        abort();
}

/* Arrays, and the members "a" of objects; `depth` levels are above. */
static void walk(struct arena *a, const struct json *value, unsigned int depth)
{
    if (json_is_string(value))
        write_again(a, json_text(value));
    if (!json_is_array(value) && !json_is_object(value))
        return;
    if (depth >= JSON_READ_MAX_DEPTH)
        abort();
    for (size_t i = 0; json_is_array(value) && i < json_count(value); i++)
        walk(a, json_element(value, i), depth + 1);
    if (json_member(value, "a") != NULL)
        walk(a, json_member(value, "a"), depth + 1);
}

/* What has a way of its own is read as it is in an array, which has none. */
static void read_other_way(struct arena *a, struct span text)
{
    AUTO(buf) struct buf b = buf_make(JSON_READ_MAX_SIZE);
    struct json_flat flat;
    const struct json *value = NULL;
    const struct json *array = NULL;

    if (!json_flat_read(text, &flat))
        return;
    buf_add_octet(&b, '[');
    buf_add_span(&b, text);
    buf_add_octet(&b, ']');
    if (b.failed)
        return;
    enum err result = json_read(a, text, &value, NULL);
    if (json_read(a, buf_span(&b), &array, NULL) != result)
        abort();
    if (result != ERR_OK)
        return; /* two names that are the same but for upper and lower case */
    if (json_count(array) != 1 || json_count(value) != flat.count)
        abort();
    for (size_t i = 0; i < flat.count; i++) {
        const char *name = arena_string_of(a, flat.names[i]);
        const struct json *other = json_member(json_element(array, 0), name);
        if (!json_is_string(other) || !span_equal(json_span(other), flat.values[i]) ||
            !span_equal(json_span(json_member(value, name)), flat.values[i]))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const struct json *value = NULL;
    struct err_info why = {0};

    if (json_read(a, span_make(data, size), &value, &why) == ERR_OK)
        walk(a, value, 0);
    else if (why.code != ERR_MALFORMED || why.detail[0] == '\0')
        abort();
    read_other_way(a, span_make(data, size));
    arena_free(a);
    return 0;
}
