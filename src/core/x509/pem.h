/* PEM: base64 between two lines (RFC 7468). */
#pragma once

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

/* What is looked for: the word between BEGIN or END and the dashes, and what it is called
 * in complaints. */
struct pem_kind {
    const char *label;
    const char *noun;
};

/* Append octets, with 64 characters a line. */
void pem_add(struct buf *b, const char *label, struct span der);

/* All of a kind in a text, in their order; what stands between them is passed over.
 * ERR_MALFORMED: none, more than `max`, or bad base64. */
MUST_CHECK enum err pem_read(struct arena *a, struct span text,
                             const struct pem_kind *kind, struct span *ders, size_t max,
                             size_t *count, struct err_info *why);
