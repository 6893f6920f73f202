/* DNS messages (RFC 1035 4), read as far as we need. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/address.h"

enum dns_type {
    DNS_A = 1,
    DNS_AAAA = 28,
};

#define DNS_CLASS_IN 1

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_REFUSED = 5,
};

/* "SERVFAIL"; a static string for any number. */
const char *dns_rcode_name(int rcode);

/* The addresses of one type (A or AAAA) in the answer section of a response, whatever
 * their owner: a resolver has followed the aliases already. At most `room` are stored;
 * `*count` says how many. ERR_PROTOCOL if it is no well-formed response. */
MUST_CHECK enum err dns_message_addresses(struct span message, enum dns_type type,
                                          struct address *addresses, size_t room,
                                          size_t *count, struct err_info *why);
