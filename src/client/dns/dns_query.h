/* Records as the resolver has them, and as the servers of the zone have them: for who
 * wants to know, and changes nothing. */
#pragma once

#include "client/dns/dns_ask.h"
#include "client/dns/dns_line.h"

struct dns_query_record {
    struct address address; /* of A and AAAA */
    unsigned int flags;     /* of CAA, as the next */
    const char *tag;
    const char *text; /* of CAA: the value; of TXT: its strings joined */
};

/* What one of those who were asked says. */
struct dns_query_source {
    const char *server; /* name of the zone's; "" for the resolver */
    bool exists;        /* the name does, or it cannot be told */
    const struct dns_query_record *records;
    size_t count;
};

struct dns_query {
    const char *resolver; /* ADDRESS or ADDRESS:PORT; "": those of resolv.conf */
    const char *name;
    enum dns_type type; /* A, AAAA, CAA or TXT */
    bool servers;       /* the zone's servers are asked, too */
};

/* Ask, by the process that uses the network for the DNS. The first source is the
 * resolver; servers that do not answer are left out. ERR_NETWORK, ERR_INTERRUPTED. */
MUST_CHECK enum err dns_query(struct dns_line *line, struct arena *a,
                              const struct dns_query *q,
                              const struct dns_query_source **sources, size_t *count,
                              struct err_info *why);

/* Obey a DNS_QUERY call, in that process. */
MUST_CHECK enum err dns_query_serve(struct dns_asker *k, const struct wire_message *m,
                                    struct wire_message *answer, struct err_info *why);
