/* The JSON that ACME has most of: an object whose members are strings without escapes, as
 * a JWS, most protected headers and a CSR are. jansson looks at each octet through a
 * function: a JWS is read in a quarter of the time without it. */
#pragma once

#include <stdbool.h>

#include "core/base/span.h"

#define JSON_FLAT_MAX 8 /* members */

struct json_flat {
    struct span names[JSON_FLAT_MAX]; /* in the text; all different */
    struct span values[JSON_FLAT_MAX];
    size_t count;
};

/* Read such an object. False: the text is something else, or no JSON at all; nothing is
 * said about it. */
bool json_flat_read(struct span text, struct json_flat *flat);
