/* metadata.json: what a certificate is. */
#pragma once

#include "client/store/certificate_store.h"
#include "core/base/buf.h"
#include "core/json/json_write.h"

#define METADATA_MAX (256 * 1024) /* octets */

/* Append the document. */
void metadata_write(struct buf *b, const struct certificate_metadata *m);

/* The same members into an object that is being written. */
void metadata_write_members(struct json_writer *w, const struct certificate_metadata *m);

/* Read it. ERR_MALFORMED. */
MUST_CHECK enum err metadata_read(struct arena *a, struct span text,
                                  struct certificate_metadata *m, struct err_info *why);
