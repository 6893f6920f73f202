/* The only way JSON is made (RFC 8259). */
#include "core/json/json_write.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base64url.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/json/json_plain.h"

#define UTF8_MAX 4 /* octets of the longest character */

struct json_writer json_writer_make(struct buf *b)
{
    struct json_writer w = {.buf = b};
    return w;
}

static bool in_array(const struct json_writer *w)
{
    return (w->arrays >> w->depth & 1) != 0;
}

/* What stays as it is between two escapes, in text of any language. */
static bool needs_no_escape(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static void add_escape(struct buf *b, uint8_t c)
{
    char text[8];

    switch (c) {
    case '"':
        buf_add_text(b, "\\\"");
        return;
    case '\\':
        buf_add_text(b, "\\\\");
        return;
    case '\n':
        buf_add_text(b, "\\n");
        return;
    case '\r':
        buf_add_text(b, "\\r");
        return;
    case '\t':
        buf_add_text(b, "\\t");
        return;
    default:
        (void)snprintf(text, sizeof text, "\\u%04x", c);
        buf_add_text(b, text);
    }
}

/* Octets known to be UTF-8. */
static void add_escaped(struct buf *b, struct span s)
{
    size_t start = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (needs_no_escape(s.data[i]))
            continue;
        buf_add_span(b, span_slice(s, start, i - start));
        add_escape(b, s.data[i]);
        start = i + 1;
    }
    buf_add_span(b, span_slice(s, start, s.len - start));
}

/* Octets that are not all UTF-8: character by character, U+FFFD for each octet of none.
 */
static void add_repaired(struct buf *b, struct span s)
{
    size_t i = 0;

    while (i < s.len) {
        size_t len = 1;
        while (len <= UTF8_MAX && !text_is_utf8(span_slice(s, i, len)))
            len++;
        if (len <= UTF8_MAX && len <= s.len - i) {
            add_escaped(b, span_slice(s, i, len));
            i += len;
        } else {
            buf_add_text(b, "\xef\xbf\xbd");
            i++;
        }
    }
}

static void add_plain_string(struct buf *b, struct span s)
{
    uint8_t *to = buf_reserve(b, s.len + 2);

    if (to == NULL)
        return;
    *to++ = '"';
    if (s.len > 0)
        memcpy(to, s.data, s.len);
    to[s.len] = '"';
    b->len += s.len + 2;
}

static void add_string(struct buf *b, struct span s)
{
    if (json_plain_length(s) == s.len) {
        add_plain_string(b, s);
        return;
    }
    buf_add_octet(b, '"');
    if (text_is_utf8(s))
        add_escaped(b, s);
    else
        add_repaired(b, s);
    buf_add_octet(b, '"');
}

/* What stands before a value: comma and name. Objects need names, arrays and the top
 * none, and the top holds one value only. */
static void begin_value(struct json_writer *w, const char *name)
{
    bool wants_name = w->depth > 0 && !in_array(w);

    if (wants_name != (name != NULL) || (w->depth == 0 && w->need_comma))
        w->buf->failed = true;
    if (w->need_comma)
        buf_add_octet(w->buf, ',');
    if (name != NULL) {
        add_string(w->buf, span_of(name));
        buf_add_octet(w->buf, ':');
    }
    w->need_comma = true;
}

static void begin_level(struct json_writer *w, const char *name, char sign, bool is_array)
{
    begin_value(w, name);
    buf_add_octet(w->buf, (uint8_t)sign);
    if (w->depth >= JSON_WRITE_MAX_DEPTH) {
        w->buf->failed = true;
        return;
    }
    w->depth++;
    uint32_t bit = UINT32_C(1) << w->depth;
    w->arrays = is_array ? w->arrays | bit : w->arrays & ~bit;
    w->need_comma = false;
}

static void end_level(struct json_writer *w, char sign, bool is_array)
{
    if (w->depth == 0 || in_array(w) != is_array) {
        w->buf->failed = true;
        return;
    }
    buf_add_octet(w->buf, (uint8_t)sign);
    w->depth--;
    w->need_comma = true;
}

void json_write_begin_object(struct json_writer *w, const char *name)
{
    begin_level(w, name, '{', false);
}

void json_write_end_object(struct json_writer *w)
{
    end_level(w, '}', false);
}

void json_write_begin_array(struct json_writer *w, const char *name)
{
    begin_level(w, name, '[', true);
}

void json_write_end_array(struct json_writer *w)
{
    end_level(w, ']', true);
}

void json_write_text(struct json_writer *w, const char *name, const char *text)
{
    if (text == NULL)
        json_write_raw(w, name, span_of("null"));
    else
        json_write_span(w, name, span_of(text));
}

void json_write_span(struct json_writer *w, const char *name, struct span text)
{
    begin_value(w, name);
    add_string(w->buf, text);
}

void json_write_number(struct json_writer *w, const char *name, int64_t number)
{
    begin_value(w, name);
    buf_add_number(w->buf, number);
}

void json_write_bool(struct json_writer *w, const char *name, bool value)
{
    json_write_raw(w, name, span_of(value ? "true" : "false"));
}

void json_write_time(struct json_writer *w, const char *name, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];

    clock_text(text, seconds);
    json_write_span(w, name, span_of(text));
}

void json_write_base64url(struct json_writer *w, const char *name, struct span octets)
{
    begin_value(w, name);
    buf_add_octet(w->buf, '"');
    base64url_add(w->buf, octets);
    buf_add_octet(w->buf, '"');
}

void json_write_raw(struct json_writer *w, const char *name, struct span json)
{
    begin_value(w, name);
    buf_add_span(w->buf, json);
}
