/* Is the record there? Asked of everybody who will be asked. */
#pragma once

#include "client/dns/dns_place.h"
#include "core/acme/dns_persist.h"

#define DNS_WATCH_MAX 1000 /* records of one order */

/* Looks without an answer after which a lenient place passes a server over. */
#define DNS_WATCH_SILENCES 3

/* One record that is waited for. */
struct dns_watched {
    struct dns_watched *next;
    const struct dns_place *place;
    const char *name;  /* whose aliases lead to the place */
    const char *value; /* that it must have, unless `persist` is set */
    const struct dns_persist_wish
        *persist;                  /* what it must grant; `now` is not looked at */
    bool seen[DNS_SERVERS_MAX];    /* by these servers of the place */
    bool skipped[DNS_SERVERS_MAX]; /* they cannot be reached from here */
    unsigned int silences[DNS_SERVERS_MAX]; /* looks that they did not answer */
};

/* Is it seen by everybody whom there is to ask? */
bool dns_watch_is_seen(const struct dns_watched *w);

/* Ask every server that has not shown its record yet, once. `missing` gets a phrase that
 * says where which record is not, "" if it is everywhere; servers of an address family
 * that this machine does not have are left out as long as there are others, and so are,
 * at lenient places, those that do not answer at all: `passed` says which.
 * ERR_INTERRUPTED. */
MUST_CHECK enum err dns_watch_look(const struct dns_asker *k, struct dns_watched *first,
                                   struct buf *missing, struct buf *passed,
                                   struct err_info *why);
