/* The only way JSON is made: compact, correctly escaped, in the order written.
 *
 *     json_write_begin_object(&w, NULL);
 *     json_write_text(&w, "status", "valid");
 *     json_write_end_object(&w);
 *
 * `name` is NULL for elements of an array and for the outermost value. Errors (no room in
 * the buffer, wrong nesting, a name where none belongs) are remembered: check
 * w.buf->failed once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/span.h"

#define JSON_WRITE_MAX_DEPTH 31 /* levels of objects and arrays */

struct json_writer {
    struct buf *buf;    /* where it goes; not owned */
    unsigned int depth; /* open objects and arrays, at most JSON_WRITE_MAX_DEPTH */
    uint32_t arrays;    /* bit n: level n is an array */
    bool need_comma;    /* a value stands before the next one */
};

/* A writer that appends to `b`. */
struct json_writer json_writer_make(struct buf *b);

/* Open and close objects and arrays; `name` as above. */
void json_write_begin_object(struct json_writer *w, const char *name);
void json_write_end_object(struct json_writer *w);
void json_write_begin_array(struct json_writer *w, const char *name);
void json_write_end_array(struct json_writer *w);

/* A string; `text` must be UTF-8 (other octets become U+FFFD). NULL writes null. */
void json_write_text(struct json_writer *w, const char *name, const char *text);
void json_write_span(struct json_writer *w, const char *name, struct span text);
void json_write_number(struct json_writer *w, const char *name, int64_t number);
void json_write_bool(struct json_writer *w, const char *name, bool value);

/* RFC 3339 time of seconds since 1970. */
void json_write_time(struct json_writer *w, const char *name, int64_t seconds);

/* Base64url of octets (RFC 8555 6.1). */
void json_write_base64url(struct json_writer *w, const char *name, struct span octets);

/* Text that is JSON already (checked when it was stored); written as it is. */
void json_write_raw(struct json_writer *w, const char *name, struct span json);
