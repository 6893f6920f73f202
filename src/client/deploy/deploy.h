/* Certificates to where they are used: files written, the server tested and reloaded, the
 * outcome kept with the certificate (certificates/NAME/deploy.json) and tried again until
 * it is done. */
#pragma once

#include "client/report/report.h"
#include "client/settings/settings.h"
#include "core/base/arena.h"
#include "core/base/err.h"

struct deploy {
    const char *directory; /* state folder */
    const struct wanted *wanted;
    int runner;  /* socket to the process that runs programs (run/run.h) */
    int network; /* to the one with the network, which looks at servers (deploy_check.h)
                  */
    const struct report *report;
    bool forced;  /* also what is deployed already, or waits after a failure */
    bool by_hand; /* also what waits after a failure: somebody may have mended it */
    const char *const *only; /* these deployments, by name; ends with NULL. NULL: all */
};

struct deploy_outcome {
    size_t done;    /* deployments that were made now */
    size_t waiting; /* that failed before and wait for their next try */
    size_t failed;
};

/* Bring the version in force to every deployment of the certificate that does not have
 * it. All are tried; the first failure is told. ERR_DEPLOY. The lock of the certificate
 * must be held. */
MUST_CHECK enum err deploy_run(struct arena *a, const struct deploy *d,
                               struct deploy_outcome *outcome, struct err_info *why);

/* Is anything to be deployed at that time (seconds)? `*next` is when there will be, 0 for
 * never. */
bool deploy_is_due(struct arena *a, const char *directory, const struct wanted *w,
                   int64_t now, int64_t *next);

/* Why nothing more is deployed now although not everything is where it belongs: a phrase
 * about the one that is tried again first. NULL: nothing waits. */
const char *deploy_why_waits(struct arena *a, const char *directory,
                             const struct wanted *w);

/* What became of them, for list and show: "deployments", an array of objects with name,
 * target, state ("done", "due", "failed") and, as far as there is something to say,
 * serial, deployed, failures, error, failed and next_try. */
struct json_writer;
void deploy_write_status(struct json_writer *w, const char *directory,
                         const struct wanted *wanted);

/* The same for people: one line each, without a line end: "nginx: done
 * 2026-11-29T10:00:00Z". The index is below wanted->deployment_count. */
const char *deploy_status_line(struct arena *a, const char *directory,
                               const struct wanted *wanted, size_t index);
