/* What became of the deployments of a certificate: certificates/NAME/deploy.json. It may
 * be lost without harm: all is deployed once more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define DEPLOY_STATUS_MAX 32 /* deployments of one certificate */

/* Of one deployment. Texts are never NULL; times are seconds, 0: never. */
struct deploy_status {
    const char *name;
    const char *serial;  /* of what is deployed, several keys' with commas; "": nothing */
    const char *options; /* digest of the options it was deployed by */
    int64_t deployed;
    int64_t failures;                         /* in a row; 0: all is well */
    const char *tried_serial, *tried_options; /* what failed */
    const char *error;                        /* a sentence */
    int64_t failed;
    int64_t next_try;
};

struct deploy_statuses {
    struct deploy_status items[DEPLOY_STATUS_MAX];
    size_t count;
};

enum deploy_need {
    DEPLOY_NEED_NOTHING, /* it is deployed */
    DEPLOY_NEED_NOW,
    DEPLOY_NEED_LATER, /* it failed, and waits for its next try */
};

/* Read what is remembered of the certificate; nothing if there is no file, or a damaged
 * one. */
void deploy_status_load(struct arena *a, const char *directory, const char *certificate,
                        struct deploy_statuses *all);

/* Write it, durably (0600); the lock of the certificate must be held. ERR_IO. */
MUST_CHECK enum err deploy_status_save(struct arena *a, const char *directory,
                                       const char *certificate,
                                       const struct deploy_statuses *all,
                                       struct err_info *why);

/* Its text, and the other way: what cannot be understood is passed over. */
void deploy_status_write(struct buf *b, const struct deploy_statuses *all);
void deploy_status_read(struct arena *a, struct span text, struct deploy_statuses *all);

/* That of a deployment; an empty one is added if there is none. The caller has no more
 * than DEPLOY_STATUS_MAX names. */
struct deploy_status *deploy_status_of(struct deploy_statuses *all, const char *name);

/* Is there something to do to have this serial there, deployed by these options? */
enum deploy_need deploy_status_need(const struct deploy_status *s, const char *serial,
                                    const char *options, int64_t now);

/* It was done, or failed with that sentence: 1, 10, 100 minutes, then a day until the
 * next try. The texts must live as long as `s`. */
void deploy_status_done(struct deploy_status *s, const char *serial, const char *options,
                        int64_t now);
void deploy_status_failed(struct deploy_status *s, const char *serial,
                          const char *options, const char *error, int64_t now);
