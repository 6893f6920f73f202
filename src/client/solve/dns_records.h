/* What dns-01 and dns-account-01 have in common: TXT records that are added, seen and
 * removed. */
#pragma once

#include "client/dns/dns_desk.h"
#include "client/solve/solve_private.h"

/* Answer with the record of that name, whatever happens removed in the end. `name_of`
 * gives the name of the record for a challenge, in the solver's arena. ERR_USAGE,
 * ERR_CONFIG. */
MUST_CHECK enum err
dns_records_open(struct solver *s,
                 const char *(*name_of)(struct solver *s, const struct solve_task *task),
                 struct err_info *why);

/* The desk for the records of one order. */
struct dns_desk dns_records_desk(const struct solve_options *options);

/* Who is named for the identifier (without "*."), or how records are looked at if nobody
 * is. */
const struct settings_dns *dns_records_settings(const struct solve_options *options,
                                                const char *identifier);
