/* Any octets as JSON: what is read can be walked, and its texts written and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/json/json_copy.h"
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

static void write_value(struct buf *b, const struct json *value)
{
    struct json_writer w = json_writer_make(b);

    json_copy_value(&w, NULL, value);
}

/* Plain JSON has a way of its own; below a name with an escape it goes the other one, and
 * must come out the same. */
static void read_other_way(struct arena *a, struct span text)
{
    AUTO(buf) struct buf wrapped = buf_make(JSON_READ_MAX_SIZE);
    AUTO(buf) struct buf one = buf_make(8 * JSON_READ_MAX_SIZE);
    AUTO(buf) struct buf other = buf_make(8 * JSON_READ_MAX_SIZE);
    const struct json *value = NULL;
    const struct json *object = NULL;
    struct err_info why = {0};

    buf_add_text(&wrapped, "{\"\\u0061\":");
    buf_add_span(&wrapped, text);
    buf_add_octet(&wrapped, '}');
    if (wrapped.failed || json_read(a, text, &value, NULL) != ERR_OK)
        return;
    if (json_read(a, buf_span(&wrapped), &object, &why) != ERR_OK) {
        if (strstr(why.detail, "deeper") == NULL)
            abort();
        return;
    }
    write_value(&one, value);
    write_value(&other, json_member(object, "a"));
    if (json_count(object) != 1 || !span_equal(buf_span(&one), buf_span(&other)))
        abort();
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
