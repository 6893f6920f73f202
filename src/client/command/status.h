/* One certificate as it stands: what is wanted of it, what is there, what would be done
 * and why, what went wrong. What list, show and plan tell. */
#pragma once

#include "client/command/place.h"
#include "client/plan/plan.h"
#include "client/renewal/renewal_state.h"
#include "client/report/report.h"
#include "core/json/json_write.h"

enum status_origin {
    STATUS_CONFIGURED, /* cairn.yaml names it */
    STATUS_REMEMBERED, /* cairn issue made it */
    STATUS_LEFT_OVER,  /* nothing says any more how it is to be got */
};

struct status {
    const char *name;
    const char *path; /* folder that shows it */
    enum status_origin origin;
    const char
        *problem; /* a sentence: its settings or metadata cannot be used; or NULL */
    bool wants;   /* `wanted` is there */
    struct wanted wanted;
    bool there; /* `metadata` is */
    struct certificate_metadata metadata;
    struct renewal_state renewal;
    struct plan plan;   /* if `wants` */
    const char *waits;  /* why, if plan.waits */
    const char *deploy; /* one line: what is to be deployed now, or waits after a
                           failure; NULL: nothing */
    bool deploys;       /* now */
};

/* Look at the certificate of that name at the time `now`, in seconds. What cannot be read
 * is `problem`. Everything is in the arena or in the place. */
void status_read(struct arena *a, const struct place *p, const char *name, int64_t now,
                 struct status *s);

/* What renew or apply would do now: "keep", "issue", "reissue", "renew", "deploy", or
 * "waits" if it is due and yet not tried again so soon. */
const char *status_action(const struct status *s);

/* And why: a phrase. */
const char *status_reason(const struct status *s);

/* When it ends (that of its keys which ends first), seconds; 0: there is none. */
int64_t status_end(const struct status *s);

/* "cairn.yaml", "command line", "left over". */
const char *status_origin(enum status_origin origin);

/* The CA by the name it has in the settings, else its host; "" if it is not known. */
const char *status_ca(struct arena *a, const struct place *p, const struct status *s);

/* Write all of it as members of an object. */
void status_write(struct json_writer *w, const struct place *p, const struct status *s);

/* "in 61 days", "in 5 hours", "expired", in the arena. */
char *status_remaining(struct arena *a, int64_t end, int64_t now);
