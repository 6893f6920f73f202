/* Commands of deployments, run by the runner (run/run.h). */
#pragma once

#include "client/deploy/deploy_target.h"

#define DEPLOY_COMMAND_WORDS 12 /* and the NULL behind them */

/* Run the program with these words, the last of which is NULL. ERR_DEPLOY unless it ends
 * with 0, in time: `what`, and the last that it said; ERR_NOT_FOUND: there is no such
 * program. */
MUST_CHECK enum err deploy_command_run(const struct deploy_target *t,
                                       const char *const *words, const char *what,
                                       struct err_info *why);

/* The same, and what it says, in the arena. */
MUST_CHECK enum err deploy_command_read(const struct deploy_target *t,
                                        const char *const *words, const char *what,
                                        struct span *output, struct err_info *why);

/* The same of a command line of /bin/sh. */
MUST_CHECK enum err deploy_command_shell(const struct deploy_target *t, const char *line,
                                         const char *what, struct err_info *why);

/* Does it end with 0? Whatever else happens to it, or that it is not there, is no. */
MUST_CHECK enum err deploy_command_ask(const struct deploy_target *t,
                                       const char *const *words, bool *yes,
                                       struct err_info *why);
