/* What dns-01 and dns-account-01 have in common: TXT records that are added, seen and
 * removed. */
#pragma once

#include "client/solve/solve_private.h"

/* Answer with the record of that name, whatever happens removed in the end. `name_of`
 * gives the name of the record for a challenge, in the solver's arena. ERR_USAGE,
 * ERR_CONFIG. */
MUST_CHECK enum err
dns_records_open(struct solver *s,
                 const char *(*name_of)(struct solver *s, const struct solve_task *task),
                 struct err_info *why);
