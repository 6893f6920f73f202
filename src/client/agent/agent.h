/* cairn agent: brings all certificates to what is wanted, each at its time, for as long
 * as it runs. It has no key: workers have (work/worker_pool.h). */
#pragma once

#include <stdbool.h>

#include "client/report/report.h"
#include "core/base/err.h"

#define AGENT_DRAIN_S                                                                    \
    60                   /* for what is under way, when it is asked to end; then it is   \
                            interrupted */
#define AGENT_END_S   20 /* for the rest of that; then it is killed */
#define AGENT_PAUSE_S 60 /* between two looks at the clock and at the file, at most */

struct agent_options {
    const char *config;    /* file of settings; NULL: the usual one */
    const char *directory; /* state folder; NULL: as the settings say */
    bool agree_terms;
    struct report report;
};

/* Run until SIGTERM or SIGINT comes; SIGHUP reads the settings again. To be called with
 * one thread. ERR_CONFIG if the settings are wrong at the start, ERR_LOCKED if another
 * agent runs, ERR_NETWORK if metrics cannot be shown; ERR_INTERNAL. */
MUST_CHECK enum err agent_run(const struct agent_options *options, struct err_info *why);
