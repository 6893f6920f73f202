/* Times in the files that are kept between two runs: a moment that is unknown is 0, and
 * its member is missing. */
#pragma once

#include "core/json/json_read.h"
#include "core/json/json_write.h"

/* Write the member, unless the moment is unknown. */
void state_time_write(struct json_writer *w, const char *name, int64_t seconds);

/* Read it. ERR_MALFORMED. */
MUST_CHECK enum err state_time_take(const struct json *object, const char *name,
                                    int64_t *seconds, struct err_info *why);
