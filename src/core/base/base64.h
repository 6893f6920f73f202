/* Base64 with padding (RFC 4648 section 4). */
#pragma once

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/span.h"

/* Append the encoding of `s`. */
void base64_add(struct buf *b, struct span s);

/* Strict decoding into the arena: alphabet of base64 only, padded, no white space, unused
 * bits zero. False if any is broken. */
bool base64_decode(struct arena *a, struct span text, struct span *octets);
