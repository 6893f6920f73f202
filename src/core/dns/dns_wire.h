/* Messages that ask for records and change them, and what comes back (RFC 1035, 2136), in
 * the form of the wire. */
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/dns/dns_message.h"

#define DNS_WIRE_MAX         (64 * 1024) /* octets of a message */
#define DNS_WIRE_RECORDS_MAX 256         /* of one section that are looked at */

/* A record as far as we understand it. */
struct dns_record {
    const char *owner;  /* as dns_name.h has it; "" also for one that is not plain */
    unsigned int type;  /* enum dns_type and others */
    uint32_t ttl;       /* seconds */
    const char *target; /* of CNAME, NS and SOA (the primary); "" if not plain */
    struct span text;   /* of TXT: its strings joined; of CAA: the value */
    unsigned int flags; /* of CAA (RFC 8659 4.1), as the next */
    struct span tag;
    struct address address; /* of A and AAAA */
};

struct dns_section {
    const struct dns_record *records;
    size_t count;
};

struct dns_answer {
    unsigned int id;
    int rcode;
    bool is_authoritative;
    char question[DNS_NAME_MAX + 1]; /* the name of the first; "" without one */
    unsigned int question_type;
    struct dns_section answer;
    struct dns_section authority;
};

/* One TXT record that is added, or deleted as it is: others of that name stay. */
struct dns_update {
    const char *zone;
    const char *owner;
    const char *value; /* at most 255 octets */
    bool add;
    uint32_t ttl; /* seconds; if there are others of that name, theirs becomes this
                     (RFC 2181 5.2) */
};

/* Append a query, with room for an answer of 1232 octets by UDP (RFC 6891). `recursion`
 * asks a resolver for its services. ERR_MALFORMED if the name is none. */
MUST_CHECK enum err dns_wire_query(struct buf *b, const char *name, enum dns_type type,
                                   bool recursion, unsigned int id, struct err_info *why);

/* Append an update (RFC 2136 2), without signature. ERR_MALFORMED if a name is none. */
MUST_CHECK enum err dns_wire_update(struct buf *b, const struct dns_update *update,
                                    unsigned int id, struct err_info *why);

/* Read a response; everything is in the arena. ERR_PROTOCOL if it is malformed or none.
 */
MUST_CHECK enum err dns_wire_read(struct arena *a, struct span message,
                                  struct dns_answer *answer, struct err_info *why);

/* The first record of a type in a section, NULL if there is none. */
const struct dns_record *dns_wire_find(const struct dns_section *s, enum dns_type type);
