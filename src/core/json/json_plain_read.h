/* JSON in its plainest form, as ACME has it nearly always: strings of ASCII without
 * escapes, whole numbers, each name once. jansson's lexer looks at each octet through a
 * function: a JWS is read in a sixth of the time without it. */
#pragma once

#include "core/json/json_read.h" /* first: jansson has macros of the same names */

#include <jansson.h>

#include "core/base/span.h"

/* The document: an object or an array of at most JSON_READ_MAX_DEPTH levels. NULL: the
 * text is something else, or no JSON at all; nothing is said about it, and what was made
 * of its beginning is not freed: jansson's memory must be an arena's, to go back in. */
json_t *json_plain_read(struct span text);
