/* The common name of a distinguished name, as people call certificates. */
#pragma once

#include "core/base/arena.h"
#include "core/base/span.h"

/* The last common name (RFC 5280 4.1.2.4) of a whole Name element, in the arena; NULL if
 * there is none, it is not written in one octet a character or UTF-8, or the element is
 * malformed. Not made printable. */
const char *common_name_of(struct arena *a, struct span name);
