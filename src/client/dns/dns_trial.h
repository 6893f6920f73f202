/* A record that is added to see whether that works, and removed again. */
#pragma once

#include "client/dns/dns_desk.h"

/* Add a record with a random value at _acme-challenge of the name, wait until it is seen,
 * remove it, and tell each step. `task` is the record, in the arena. ERR_VALIDATION,
 * ERR_CONFIG, ERR_NETWORK, ERR_TIMEOUT, ERR_INTERRUPTED: as dns_desk_add and
 * dns_wait_until_seen; the record is removed in any case, or in the journal. */
MUST_CHECK enum err dns_trial_run(struct dns_desk *d, struct arena *a,
                                  const struct settings_dns *dns, const char *name,
                                  struct dns_task *task, struct err_info *why);
