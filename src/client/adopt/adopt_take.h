/* What was found at another client becomes ours. */
#pragma once

#include "client/adopt/adopt.h"
#include "client/report/report.h"

/* What became, or would become, of something. */
enum adopt_outcome {
    ADOPT_NEW,
    ADOPT_CHANGED, /* it is here, and is now proved as the user says */
    ADOPT_HERE,    /* it is here already: nothing was changed */
    ADOPT_SKIPPED, /* cairn has another in its place, and a remark says so */
    ADOPT_FAILED,  /* and a remark says why */
};

struct adopt_taken {
    enum adopt_outcome *accounts;     /* of found->accounts */
    enum adopt_outcome *certificates; /* of found->certificates */
    size_t changed;                   /* how many are new */
    size_t skipped;                   /* with those that the reader skipped */
    size_t failed;
};

/* Put all of it into the state folder found->state; with `dry` only find out what that
 * would change. Doing it twice changes nothing, and whatever is here by the same name
 * stays as it is. What fails is a remark, and stops nothing else. ERR_IO if the state
 * folder cannot be made. */
MUST_CHECK enum err adopt_take(struct adopt *found, bool dry, struct adopt_taken *taken,
                               struct err_info *why);
