/* Many records at the same time: how many of one account (a section of dns) may be
 * changed at once says its option parallel, else its kind (providers.def); two records of
 * the same name never are, as some services read a name's records, change and write them.
 */
#pragma once

#include "client/dns/dns_desk.h"

#define DNS_MANY_THREADS 16 /* at most, of all accounts together */

/* One record, and what became of it. */
struct dns_many {
    struct dns_entry *entry;
    bool done;     /* it was begun; the others are as they were */
    bool is_there; /* it may be there now */
    enum err result;
    struct err_info why;
};

/* Add all of them (dns_desk_put), or remove them (dns_desk_remove). After a failure that
 * others would only share (nobody answers, a signal) no other is begun; after any other
 * failure to add, too, unless it is ERR_DNS: those need the user, who is told all at
 * once. Texts that adding makes live in the arena. */
void dns_many_add(struct dns_desk *d, struct arena *a, struct dns_many *list,
                  size_t count);
void dns_many_remove(struct dns_desk *d, struct dns_many *list, size_t count);
