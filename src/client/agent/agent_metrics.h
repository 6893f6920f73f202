/* What monitoring sees of certificates, in Prometheus' text format (0.0.4). All of it is
 * in the state folder, so that renew, apply and the agent write the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define AGENT_METRICS_MAX (64 * 1024 * 1024) /* octets */

/* One certificate. Times are seconds, 0: unknown. */
struct agent_metrics_row {
    const char *name;
    const char *ca; /* directory URL of who issued it, "" if nobody has */
    int64_t not_before;
    int64_t not_after;
    bool revoked;           /* by cairn */
    int64_t next;           /* when it is to be renewed, RENEWAL_WHEN_NEVER */
    size_t deploy_failures; /* deployments that failed and wait for their next try */
    int64_t failures;       /* in a row */
    int64_t failed_at;
    int64_t failed; /* in all */
    int64_t issued; /* in all */
    int64_t succeeded;
    int64_t duration_ms; /* of the last issuance */
};

/* Append all metrics of all certificates, at the time `now`. */
void agent_metrics_write(struct buf *b, const struct agent_metrics_row *rows,
                         size_t count, int64_t now);

/* Replace the file (0644), which another program reads. ERR_IO. */
MUST_CHECK enum err agent_metrics_keep(const char *path,
                                       const struct agent_metrics_row *rows, size_t count,
                                       int64_t now, struct err_info *why);
