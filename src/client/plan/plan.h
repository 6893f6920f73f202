/* What is to be done about a certificate, and why: from what is wanted and what is there.
 * Pure: it looks at nothing but its arguments. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/store/certificate_store.h"

enum plan_action {
    PLAN_KEEP,
    PLAN_ISSUE,   /* there is none yet */
    PLAN_REISSUE, /* the one that is there is another than the one that is wanted */
    PLAN_RENEW,   /* it ends soon */
};

#define PLAN_REASON_MAX 512 /* octets, with the final NUL */

struct plan {
    enum plan_action action;
    int64_t due; /* when it is to be renewed, in seconds; 0 if there is none */
    char reason[PLAN_REASON_MAX]; /* a phrase: "8 days are left" */
};

/* Decide for one certificate at the time `now`, in seconds; `there` is NULL if there is
 * none. */
void plan_certificate(const struct wanted *w, const struct certificate_metadata *there,
                      int64_t now, struct plan *p);

/* When a certificate is to be renewed by its lifetime alone: when a third of it is left.
 * Seconds. */
int64_t plan_due(const struct certificate_metadata *m);

/* Are these exactly the certificate's names, in any order? */
bool plan_same_names(const struct certificate_metadata *m, const char *const *names,
                     size_t count);

/* "keep", "issue", "reissue", "renew". */
const char *plan_action(enum plan_action action);
