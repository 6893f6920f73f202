/* Waiting until records are seen by everybody whom a CA may ask. */
#pragma once

#include "client/dns/dns_desk.h"

/* Look for all that was added until it is seen, for `timeout_ms` at most, then wait
 * `settle_ms` more, and longer where nobody can look. A CA asks once, and a resolver
 * remembers for long what was not there (RFC 2308). ERR_TIMEOUT says where it is not;
 * ERR_INTERRUPTED. */
MUST_CHECK enum err dns_wait_until_seen(struct dns_desk *d, int64_t timeout_ms,
                                        int64_t settle_ms, struct err_info *why);
