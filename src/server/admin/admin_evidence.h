/* What commands about evidence (docs/evidence.md) share. */
#pragma once

#include "server/admin/admin.h"

/* A number in digits, or in a URL behind the last of `places` (ended by NULL) that is in
 * it. ERR_USAGE: `text` is neither `what`. */
MUST_CHECK enum err admin_evidence_id(const char *text, const char *const *places,
                                      const char *what, int64_t *id,
                                      struct err_info *why);

/* A time; null if it is 0. */
void admin_evidence_time(struct json_writer *w, const char *name, int64_t seconds);

/* Write the perspectives of a document, and what their quorum came to, into the result.
 * ERR_MALFORMED if it is none. */
MUST_CHECK enum err admin_evidence_write(const struct admin_call *call,
                                         const char *record, struct err_info *why);
