/* Asking a CA when it suggests to renew a certificate. */
#pragma once

#include "client/work/work.h"
#include "client/work/work_look.h"

/* Ask the CA that issued it about every part of the certificate, and take down what it
 * says; the earliest window counts. What it does not say, or that it cannot be asked, is
 * no failure: it is asked again later. The lock must be held. ERR_INTERRUPTED, ERR_IO. */
MUST_CHECK enum err work_suggestion(struct arena *a, const struct work *k,
                                    const struct wanted *w, struct work_look *look,
                                    int64_t now, struct err_info *why);
