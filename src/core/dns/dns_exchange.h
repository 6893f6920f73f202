/* Sending messages to name servers and waiting for the answers: many at once, each within
 * its time, by UDP with TCP for what does not fit, or by TCP. Nothing is resolved, cached
 * or believed here. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/net/address.h"

#define DNS_EXCHANGE_MAX  256 /* messages at once */
#define DNS_EXCHANGE_PORT 53  /* of name servers */

struct dns_exchange {
    struct address to;   /* with port */
    struct span message; /* its first 16 bits are the number the answer must have */
    bool tcp;            /* at once, not only for answers that are cut */

    struct span answer; /* in the arena; empty without one */
    int os_error;       /* why there is none; ETIMEDOUT if nothing came */
    bool arrived;       /* the message may have arrived, whatever became of the answer */
};

/* Send all and wait until each has its answer or has failed, for at most `wait_ms`
 * altogether; with UDP each is sent again after a while. ERR_INTERRUPTED as soon as the
 * descriptor `stop` (-1: none) is readable. */
MUST_CHECK enum err dns_exchange_all(struct arena *a, struct dns_exchange *list,
                                     size_t count, int64_t wait_ms, int stop,
                                     struct err_info *why);

/* Did it fail because there is no way from here to there: no IPv6, no route? */
bool dns_exchange_is_unreachable(const struct dns_exchange *e);
