/* Names of DNS as text: without the final dot, lower case, and without characters that
 * would have to be escaped. The root is "". */
#pragma once

#include <stdbool.h>

#include "core/base/span.h"
#include "core/dns/dns_cursor.h"

/* Read a name, with or without its final dot: labels of 1 to 63 printable ASCII
 * characters other than blanks, quotes, backslashes and the like; `to` has room for
 * DNS_NAME_MAX and a NUL. False if it is none, or the root. */
bool dns_name_read(struct span text, char *to);

/* Is `name` the name `zone`, or below it? */
bool dns_name_is_in(const char *name, const char *zone);

/* What is behind the first label; "" above a top-level name. */
const char *dns_name_parent(const char *name);
