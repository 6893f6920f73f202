/* Results of administration commands, for people. */
#include <string.h>

#include "core/base/text.h"
#include "server/command/command_admin.h"

#define CELL_MAX    (64 * 1024) /* octets */
#define COLUMNS_MAX 24          /* of a table */
#define DEPTH_MAX   4           /* of objects in objects; what is deeper is a dash */
#define GAP         2           /* between columns */

static void add_scalar(struct buf *b, const struct json *value)
{
    if (json_is_string(value))
        buf_add_span(b, json_span(value));
    else if (json_is_whole(value))
        buf_printf(b, "%lld", (long long)json_whole(value));
    else if (json_is_true(value))
        buf_add_text(b, "yes");
    else if (json_is_false(value))
        buf_add_text(b, "no");
    else
        buf_add_text(b, "-");
}

/* A part of a cell: the elements of a list with spaces between, the members of an object
 * in parentheses. */
static void add_part(struct buf *b, const struct json *value, int depth)
{
    bool is_list = json_is_array(value);
    const char *name = NULL;

    if ((!is_list && !json_is_object(value)) || depth > DEPTH_MAX) {
        add_scalar(b, value);
        return;
    }
    buf_add_text(b, is_list ? "" : "(");
    for (size_t i = 0; i < json_count(value); i++) {
        const struct json *part =
            is_list ? json_element(value, i) : json_member_at(value, i, &name);
        if (i > 0)
            buf_add_text(b, is_list ? " " : ", ");
        if (!is_list)
            buf_printf(b, "%s=", name);
        add_part(b, part, depth + 1);
    }
    buf_add_text(b, !is_list ? ")" : json_count(value) == 0 ? "-" : "");
}

/* One line: a scalar, the elements of a list, the members of an object. */
static const char *cell(struct arena *a, const struct json *value)
{
    AUTO(buf) struct buf b = buf_make(CELL_MAX);
    const char *name = NULL;

    if (!json_is_array(value) && !json_is_object(value))
        add_scalar(&b, value);
    for (size_t i = 0; i < json_count(value); i++) {
        const struct json *part = json_is_array(value) ? json_element(value, i)
                                                       : json_member_at(value, i, &name);
        if (i > 0)
            buf_add_text(&b, ", ");
        if (json_is_object(value))
            buf_printf(&b, "%s=", name);
        add_part(&b, part, 0);
    }
    if (json_count(value) == 0 && (json_is_array(value) || json_is_object(value)))
        buf_add_text(&b, "-");
    char *text = arena_string_of(a, buf_span(&b));
    text_make_printable(text);
    return text;
}

static bool is_table(const struct json *value)
{
    return json_is_array(value) && json_is_object(json_element(value, 0));
}

/* Characters, not octets: names of columns are ASCII, labels need not be. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void add_cell(struct buf *b, const char *text, size_t width, bool last)
{
    buf_add_text(b, text);
    buf_printf(b, "%*s", last ? 0 : (int)(width - width_of(text) + GAP), "");
}

/* A column whose cells are tables themselves stands below the others. */
static bool is_nested(const struct json *rows, const char *name)
{
    for (size_t r = 0; r < json_count(rows); r++)
        if (is_table(json_member(json_element(rows, r), name)))
            return true;
    return false;
}

static void add_nested(struct arena *a, struct buf *b, const struct json *rows,
                       const char *name)
{
    for (size_t r = 0; r < json_count(rows); r++) {
        const struct json *row = json_element(rows, r);
        const struct json *list = json_member(row, name);
        const char *first = NULL;
        const struct json *whose = json_member_at(row, 0, &first);
        if (json_count(list) > 0)
            buf_printf(b, "%s of %s:\n", name, cell(a, whose));
        for (size_t i = 0; i < json_count(list); i++)
            buf_printf(b, "  %s\n", cell(a, json_element(list, i)));
    }
}

/* The first object says which columns there are. */
static void add_table(struct arena *a, struct buf *b, const struct json *rows)
{
    const struct json *first = json_element(rows, 0);
    size_t most = json_count(first) < COLUMNS_MAX ? json_count(first) : COLUMNS_MAX;
    size_t columns = 0;
    size_t count = json_count(rows);
    const char *names[COLUMNS_MAX] = {0};
    size_t widths[COLUMNS_MAX] = {0};
    const char **cells = arena_array(a, count * most + 1, sizeof *cells);

    for (size_t c = 0; c < most; c++) {
        (void)json_member_at(first, c, &names[columns]);
        columns += is_nested(rows, names[columns]) ? 0 : 1;
    }
    for (size_t c = 0; c < columns; c++) {
        widths[c] = width_of(names[c]);
        for (size_t r = 0; r < count; r++) {
            const char *text = cell(a, json_member(json_element(rows, r), names[c]));
            cells[r * columns + c] = text;
            if (width_of(text) > widths[c])
                widths[c] = width_of(text);
        }
    }
    for (size_t c = 0; c < columns; c++)
        add_cell(b, names[c], widths[c], c + 1 == columns);
    buf_add_text(b, "\n");
    for (size_t i = 0; i < count * columns; i++) {
        bool last = (i + 1) % columns == 0;
        add_cell(b, cells[i], widths[i % columns], last);
        if (last)
            buf_add_text(b, "\n");
    }
    for (size_t c = 0; c < most; c++) {
        const char *name = NULL;
        (void)json_member_at(first, c, &name);
        if (is_nested(rows, name))
            add_nested(a, b, rows, name);
    }
}

void command_admin_print(struct arena *a, struct buf *b, const struct json *result)
{
    const char *name = NULL;

    for (size_t i = 0; i < json_count(result); i++) {
        const struct json *value = json_member_at(result, i, &name);
        if (!is_table(value))
            buf_printf(b, "%s: %s\n", name, cell(a, value));
    }
    for (size_t i = 0; i < json_count(result); i++) {
        const struct json *value = json_member_at(result, i, &name);
        if (is_table(value))
            add_table(a, b, value);
    }
}
