/* JSON read strictly: RFC 8259, UTF-8 only, duplicate names refused, bounded size and
 * depth. Values live in the arena they were read into. Member names are compared without
 * regard to the case of ASCII letters, because real clients send capitals. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define JSON_READ_MAX_SIZE  (1024 * 1024) /* octets of one document */
#define JSON_READ_MAX_DEPTH 16            /* levels of objects and arrays */

/* One value of a document: object, array, string, number, true, false or null. */
struct json;

/* Read a whole document: exactly one value, nothing behind it. ERR_MALFORMED with line
 * and what is wrong: bad grammar, duplicate names, invalid UTF-8, an escaped NUL, too
 * deep, too large. */
MUST_CHECK enum err json_read(struct arena *a, struct span text,
                              const struct json **value, struct err_info *why);

/* The same of a document of up to `most` octets, however many that are. */
MUST_CHECK enum err json_read_up_to(struct arena *a, struct span text, size_t most,
                                    const struct json **value, struct err_info *why);

/* What is it? NULL is nothing of these. */
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_string(const struct json *value);
bool json_is_whole(const struct json *value); /* a number without fraction or exponent */
bool json_is_true(const struct json *value);
bool json_is_false(const struct json *value);

/* Number of members of an object or elements of an array; 0 for anything else. */
size_t json_count(const struct json *value);

/* The i-th element of an array, NULL if there is none. */
const struct json *json_element(const struct json *array, size_t index);

/* The member `name` of an object, NULL if it is not there (or `object` is NULL or no
 * object). */
const struct json *json_member(const struct json *object, const char *name);

/* The i-th member of an object, in the order of the text, and its name; NULL if there is
 * none. Takes time in proportion to `index`. */
const struct json *json_member_at(const struct json *object, size_t index,
                                  const char **name);

/* The number of a whole number; 0 for any other value. */
int64_t json_whole(const struct json *value);

/* The text of a string value, NUL-terminated and without NULs inside; NULL for any other
 * value. */
const char *json_text(const struct json *value);

/* The text as a span (empty for any other value). */
struct span json_span(const struct json *value);

/* Members with their type checked. A missing one is ERR_MALFORMED "NAME is missing" for
 * the `json_need_*`, and gives NULL / `missing` for the `json_take_*`; a wrong type is
 * always ERR_MALFORMED naming the member. */
MUST_CHECK enum err json_need_text(const struct json *object, const char *name,
                                   const char **text, struct err_info *why);
MUST_CHECK enum err json_take_text(const struct json *object, const char *name,
                                   const char **text, struct err_info *why);
MUST_CHECK enum err json_take_bool(const struct json *object, const char *name,
                                   bool missing, bool *value, struct err_info *why);
MUST_CHECK enum err json_take_number(const struct json *object, const char *name,
                                     int64_t missing, int64_t *value,
                                     struct err_info *why);
MUST_CHECK enum err json_need_array(const struct json *object, const char *name,
                                    const struct json **array, struct err_info *why);
