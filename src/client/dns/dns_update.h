/* Updates of a zone, as the process that uses the network makes them. */
#pragma once

#include "client/proc/wire.h"

/* Do what a DNS_ADD or DNS_REMOVE asks (proc/calls.def), with the key that is read from
 * `file`; it is in memory only here. Given up as soon as `stop` is readable. ERR_CONFIG:
 * the key; ERR_TIMEOUT: it may have been done; ERR_NETWORK: nothing has reached the
 * server; what dns_change_judge says. */
MUST_CHECK enum err dns_update_run(struct arena *a, int stop,
                                   const struct wire_message *m, int file,
                                   struct err_info *why);
