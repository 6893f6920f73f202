/* What uses the files of a deployment: tested with its own means before it is told, then
 * told to read them anew. The targets are nginx, apache, haproxy, postfix and dovecot
 * (targets.def), systemd:UNIT, hook, and files. */
#pragma once

#include <stdbool.h>

#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct deploy_target {
    struct arena *arena;
    int runner; /* run/run.h */
    const struct settings_deployment *deployment;
    const char *const *environment; /* of its commands; ends with NULL */
    int64_t timeout_ms;             /* of each command */
};

/* Is it the name of a target? */
bool deploy_target_is_known(const char *target);

/* All of them with commas, for sentences. */
const char *deploy_target_names(void);

/* Would it start with what it is configured to use? By the option `test`, else as the
 * server can test itself; what cannot be tested is good. ERR_DEPLOY with what it said. */
MUST_CHECK enum err deploy_target_test(const struct deploy_target *t,
                                       struct err_info *why);

/* Have it use the new files: by the option `command`; else by systemd, if that runs it
 * and the deployment does not say a configuration file of its own; else by the server's
 * own way. ERR_DEPLOY with what it said. */
MUST_CHECK enum err deploy_target_reload(const struct deploy_target *t,
                                         struct err_info *why);
