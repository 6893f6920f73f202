/* One task, done: in the process with the network. */
#pragma once

#include "client/flow/flow_options.h"
#include "client/report/report.h"
#include "client/request/keeper.h"

/* Do what the options say. `*answer` is what their task says, in the arena. */
MUST_CHECK enum err flow_job(const struct flow_options *options,
                             const struct keeper *keeper, const struct report *report,
                             struct arena *a, struct span *answer, struct err_info *why);
