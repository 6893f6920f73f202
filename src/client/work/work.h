/* Bringing one certificate to what is wanted: what issue, renew, apply and the agent have
 * in common. */
#pragma once

#include "client/report/report.h"
#include "client/store/certificate_store.h"
#include "client/work/crew.h"

struct work {
    const char *directory; /* state folder */
    struct crew *crew;     /* started when it is needed */
    bool agree_terms;      /* whatever the settings say */
    bool forced;  /* also if nothing needs to be done, and whatever failed before */
    bool anew;    /* asked for by its names: one that was revoked is no answer */
    bool careful; /* nothing is ordered that could not be used (work_places.h), also
                     in place of what is there: renewals go on without */
    const struct work_places *places; /* of cairn.yaml, where many are worked on: each
                                         looks among all; or NULL */
    bool by_hand;    /* the user asks for it now: waits after failures do not count,
                        only those that a CA's rate limits ask for */
    int64_t wait_ms; /* for another cairn that works on the certificate */
    struct report report;
};

enum work_outcome {
    WORK_UNCHANGED,
    WORK_ISSUED,
    WORK_WAITING,  /* it failed before, and waits for its next try */
    WORK_DEPLOYED, /* the certificate is as it was, and went to where it was not yet */
};

struct work_result {
    enum work_outcome outcome;
    const char *reason;                   /* why it waits, or is kept although there is
                                             something to know: a phrase; else NULL */
    bool tried;                           /* a CA was asked for it */
    const char *path;                     /* folder that shows the certificate */
    int64_t due;                          /* when it is to be renewed, seconds */
    struct certificate_metadata metadata; /* of the version in force */
};

/* Everything the settings of a certificate name is right, as far as can be seen without
 * asking anybody: devices, targets and providers are known. ERR_CONFIG with a
 * sentence that begins with the option. */
MUST_CHECK enum err work_check(const struct wanted *w, struct err_info *why);

/* What is wanted of the certificate `name`: what cairn.yaml says, else what is remembered
 * of the command line. Lives in the arena. ERR_NOT_FOUND if neither knows it. */
MUST_CHECK enum err work_find(struct arena *a, const char *directory,
                              const struct settings *settings, const char *name,
                              struct wanted *w, struct err_info *why);

/* Do it: nothing, or get a certificate and put it where it belongs. Failures are those of
 * the CA, the network, validation, and ERR_DEPLOY if it is there but did not get
 * everywhere: `r` is filled then as well; ERR_LOCKED if another cairn works on it. */
MUST_CHECK enum err work_certificate(struct arena *a, const struct work *k,
                                     const struct wanted *w, struct work_result *r,
                                     struct err_info *why);
