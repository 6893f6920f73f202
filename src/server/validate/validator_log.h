/* Inside the validator's process: what the front wants shown to logs. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "server/proc/ipc_channel.h"
#include "server/settings/settings.h"
#include "server/validate/validate.h"

#define VALIDATOR_LOG_ROOTS_MAX (1024 * 1024) /* octets of ct.ca_file */

/* What it needs for that. */
struct validator_log {
    const struct settings *settings; /* the logs */
    struct arena *arena;             /* of these, after a reload; else NULL */
    struct span roots;               /* PEM; none where there are no logs */
    const char *roots_file;          /* where they are from; "" if there are none */
};

/* Read the root certificates into the arena, which outlives all this, while files can be
 * opened. ERR_NOT_FOUND, ERR_IO with the file. */
MUST_CHECK enum err validator_log_open(struct arena *a, const struct settings *s,
                                       struct validator_log *log, struct err_info *why);

/* Other settings from now on, in the arena, which is owned from now on. False: there are
 * root certificates to be read, which cannot be done any more. */
bool validator_log_reload(struct validator_log *log, struct arena *a,
                          const struct settings *s);

/* Free; a zeroed one is fine. */
void validator_log_close(struct validator_log *log);

/* Submit, and answer through `front`, which outlives the check. */
void validator_log_submit(const struct validator_log *log, struct validator *v,
                          struct ipc_channel *front, const struct message_log_submit *m);
