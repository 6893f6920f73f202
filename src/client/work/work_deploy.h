/* What is there of a certificate goes to where it is used. */
#pragma once

#include "client/work/work.h"

/* Make the deployments that are due: those that do not have the version in force, and
 * those that failed and whose next try has come. `result` is what became of the
 * certificate before, with `why`: a failure stays the failure, and what fails here is
 * told of beside it. The certificate's lock must be held. ERR_DEPLOY. */
MUST_CHECK enum err work_deploy(struct arena *a, const struct work *k,
                                const struct wanted *w, enum err result,
                                struct work_result *r, struct err_info *why);
