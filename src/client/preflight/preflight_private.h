/* One file for each part that is looked at. */
#pragma once

#include "client/flow/flow_directory.h"
#include "client/preflight/preflight.h"

#define PREFLIGHT_ADDRESSES_MAX 16 /* of one name */

/* One name, and what became known of it. */
struct preflight_name {
    const char *name; /* without "*." */
    bool wildcard;
    bool is_address;
    struct address addresses[PREFLIGHT_ADDRESSES_MAX];
    size_t address_count;
};

/* Take down what was found; `about` and `advice` are kept as they are. */
void preflight_add(struct preflight *p, enum preflight_level level, const char *part,
                   const char *about, const char *advice, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The line to the process for the DNS, and the resolver for that name. */
struct dns_line preflight_dns_line(const struct preflight *p);
const char *preflight_resolver(const struct preflight *p, const char *name);

/* The CA: reached, clock, terms, binding, profile, and what is remembered of it. `*known`
 * says whether `d` could be had. */
MUST_CHECK enum err preflight_ca(struct preflight *p, const struct settings_ca *ca,
                                 struct flow_directory *d, bool *known,
                                 struct err_info *why);

/* Addresses: at the resolver and at the zone's servers. */
MUST_CHECK enum err preflight_addresses(struct preflight *p, struct preflight_name *n,
                                        struct err_info *why);

/* CAA records on the way up (RFC 8659 3), for the CA called `identity`. */
MUST_CHECK enum err preflight_caa(struct preflight *p, const struct preflight_name *n,
                                  const char *identity, const char *account_url,
                                  struct err_info *why);

/* http-01 and tls-alpn-01: a token of our own, seen through the front door. */
MUST_CHECK enum err preflight_door(struct preflight *p, enum challenge_type type,
                                   const struct preflight_name *names, size_t count,
                                   struct err_info *why);

/* dns-01 and its like: where the record would go; of dns-persist-01, whether it is there.
 */
MUST_CHECK enum err preflight_records(struct preflight *p, enum challenge_type type,
                                      const struct preflight_name *n,
                                      const char *identity, const char *account_url,
                                      struct err_info *why);
