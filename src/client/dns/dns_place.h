/* Where a challenge's TXT record goes: the name at the end of its aliases, the zone that
 * has it, who takes changes of that zone, and who tells the world. */
#pragma once

#include "client/dns/dns_ask.h"

#define DNS_PLACE_ALIASES_MAX 8  /* CNAME records in a row */
#define DNS_SERVERS_MAX       64 /* addresses of a zone's servers that are asked */

/* How it is seen that a record is there. */
enum dns_check {
    DNS_CHECK_AUTO,          /* by every server of the zone that answers; by the resolver
                                where none does, as port 53 is closed */
    DNS_CHECK_AUTHORITATIVE, /* by every server of the zone */
    DNS_CHECK_RESOLVER,      /* by the resolver: where the servers cannot be asked */
    DNS_CHECK_NONE,
};

#define DNS_PLACE_NO_CHECK "none"

/* Read "auto", "authoritative", "resolver" or "none"; false if it is none of them. */
bool dns_place_read_check(const char *text, enum dns_check *check);

struct dns_server {
    const char *name; /* of the zone's NS records; "" for a resolver */
    struct address address;
};

struct dns_place {
    const char *owner;
    const char *zone;
    struct dns_addresses primary;               /* takes updates */
    struct dns_server servers[DNS_SERVERS_MAX]; /* are asked whether it is there */
    size_t server_count;
    bool is_lenient;     /* a server that never answers is passed over */
    const char *remark;  /* what the user should know, in words; "" for nothing */
    uint32_t remembered; /* seconds for which the resolver that was asked remembers that
                            there is nothing (RFC 2308 5); 0: it was not asked */
};

struct dns_place_options {
    const char *server; /* who takes updates: HOST or HOST:PORT; "": as the zone says */
    bool needs_primary; /* else `primary` is not looked for */
    enum dns_check check;
};

/* Is that text a HOST or HOST:PORT for `server`? */
bool dns_place_is_server(const char *text);

/* Find the place for the record `name`. Everything is in the asker's arena. A resolver is
 * asked about the name itself only where nobody else can be: it would remember that there
 * is nothing. ERR_NETWORK: somebody does not answer; ERR_DNS: the DNS is not
 * as it must be; ERR_CONFIG: the server is no HOST; ERR_INTERRUPTED. */
MUST_CHECK enum err dns_place_find(const struct dns_asker *k,
                                   const struct dns_place_options *options,
                                   const char *name, struct dns_place *place,
                                   struct err_info *why);
