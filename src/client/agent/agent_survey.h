/* All certificates, as monitoring is to see them. */
#pragma once

#include "client/agent/agent_metrics.h"
#include "client/settings/settings.h"
#include "core/base/arena.h"

/* Look at all of them; the rows live in the arena. ERR_IO. */
MUST_CHECK enum err agent_survey(struct arena *a, const char *directory,
                                 const struct settings *settings, int64_t now,
                                 struct agent_metrics_row **rows, size_t *count,
                                 struct err_info *why);

/* Write agent.metrics_file, if the settings name one; a failure is told of, and is none
 * of the caller's. */
void agent_survey_keep(const char *directory, const struct settings *settings);
