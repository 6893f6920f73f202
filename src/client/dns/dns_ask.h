/* Asking name servers: resolvers for what is known to all, the servers of a zone for what
 * only they know yet. */
#pragma once

#include "core/dns/dns_wire.h"

#define DNS_RESOLVERS_MAX 3     /* as in resolv.conf(5) */
#define DNS_ADDRESSES_MAX 16    /* of one name that are looked at */
#define DNS_ASK_WAIT_MS   5000  /* for one answer */
#define DNS_SILENT_MAX    64    /* addresses that are remembered not to answer */
#define DNS_SILENT_MS     60000 /* how long */

struct dns_addresses {
    struct address list[DNS_ADDRESSES_MAX]; /* with port */
    size_t count;
};

/* Name servers that did not answer for long: down, or behind a firewall. */
struct dns_silent {
    struct address list[DNS_SILENT_MAX];
    int64_t until_us[DNS_SILENT_MAX]; /* monotonic */
    size_t count;
};

/* Who asks. */
struct dns_asker {
    struct arena *arena; /* for everything that is read */
    struct dns_addresses resolvers;
    struct dns_silent *silent; /* NULL: nobody remembers */
    int stop;                  /* readable when nobody wants to know any more; -1: none */
};

/* Did that server not answer before? */
bool dns_ask_is_silent(const struct dns_asker *k, const struct address *server);

/* Remember that it does not. */
void dns_ask_remember_silent(const struct dns_asker *k, const struct address *server);

/* The resolvers of that text ("192.0.2.1" or "192.0.2.1:5353"), or of /etc/resolv.conf if
 * it is empty. ERR_CONFIG. */
MUST_CHECK enum err dns_ask_resolvers(const char *text, struct dns_addresses *resolvers,
                                      struct err_info *why);

/* Ask one server. ERR_NETWORK: no answer, or one that is of no use. ERR_INTERRUPTED. */
MUST_CHECK enum err dns_ask_server(const struct dns_asker *k, const struct address *to,
                                   const char *name, enum dns_type type, bool recursion,
                                   struct dns_answer *answer, struct err_info *why);

/* Ask several servers at once, without recursion, and wait for all, `wait_ms` at most:
 * `answered[i]` says whether `answers[i]` is the answer of `to[i]`. ERR_INTERRUPTED. */
MUST_CHECK enum err dns_ask_all(const struct dns_asker *k,
                                const struct address *const *to, size_t count,
                                const char *name, enum dns_type type, int64_t wait_ms,
                                struct dns_answer *answers, bool *answered,
                                struct err_info *why);

/* Ask the resolvers, one after the other until one has an answer: the records, or that
 * there are none (NOERROR, NXDOMAIN). ERR_NETWORK, ERR_INTERRUPTED. */
MUST_CHECK enum err dns_ask_resolver(const struct dns_asker *k, const char *name,
                                     enum dns_type type, struct dns_answer *answer,
                                     struct err_info *why);

/* Add the addresses of a name (IPv6 and IPv4), with that port, as far as there is room.
 * One that has none adds none. ERR_NETWORK, ERR_INTERRUPTED. */
MUST_CHECK enum err dns_ask_addresses(const struct dns_asker *k, const char *name,
                                      uint16_t port, struct dns_addresses *addresses,
                                      struct err_info *why);
