/* What there is to do for the deployments of a certificate: what is wanted beside what is
 * remembered. */
#pragma once

#include "client/deploy/deploy_status.h"
#include "client/settings/settings.h"

/* Of each deployment that is wanted, in the order of `wanted`. */
struct deploy_plan {
    const char *serials; /* of what is in force; NULL: there is no certificate */
    struct deploy_statuses statuses;
    const char *options[DEPLOY_STATUS_MAX]; /* digests */
    enum deploy_need needs[DEPLOY_STATUS_MAX];
    size_t now; /* how many are to be made now, and later */
    size_t later;
    int64_t next; /* when the first of those is, 0: never */
};

/* Make it for that time (seconds). Nothing is changed, and no key is read. */
void deploy_plan_make(struct arena *a, const char *directory, const struct wanted *w,
                      int64_t now, struct deploy_plan *plan);
