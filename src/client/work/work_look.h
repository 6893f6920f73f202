/* What is there of a certificate and what is to be done about it: from what is on disk
 * alone, so that a thousand that need nothing cost next to nothing. */
#pragma once

#include "client/plan/plan.h"
#include "client/renewal/renewal_state.h"
#include "client/settings/settings.h"

struct work_look {
    bool there;             /* there is a certificate */
    const char *unreadable; /* why nobody knows whether there is one; NULL: it is known */
    struct certificate_metadata metadata;
    struct renewal_state state;
    struct plan_facts facts;
    const char *suggestion; /* what the CA is to be asked about (RFC 9773 4.1), ids of all
                               parts with commas between; NULL: nothing */
    struct plan plan;
    bool ask;            /* it is to be asked now */
    bool deploy;         /* something is to be deployed now */
    int64_t deploy_next; /* when it will be; 0: never */
    int64_t tell;        /* when somebody is to be told of it; RENEWAL_WHEN_NEVER */
    bool due;            /* anything is to be done now */
    int64_t next;        /* when, else: seconds, RENEWAL_WHEN_NEVER */
};

/* Look at what is wanted, at the time `now` in seconds. */
void work_look(struct arena *a, const char *directory, const struct wanted *w,
               int64_t now, struct work_look *look);

/* What else the plan depends on, from disk; `there` is NULL if there is no certificate.
 */
struct plan_facts work_look_facts(struct arena *a, const char *directory,
                                  const struct wanted *w,
                                  const struct certificate_metadata *there);

/* Decide again, after the state has changed. */
void work_look_again(const struct wanted *w, int64_t now, struct work_look *look);
