/* DNS messages (RFC 1035 4), read as far as we need. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/dns/dns_cursor.h"
#include "core/net/address.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_CAA = 257,
};

#define DNS_CLASS_IN    1
#define DNS_ALIASES_MAX 16 /* in one answer */

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
 * `*count` says how many. ERR_PROTOCOL if it is no well-formed response, here and below
 * also one with more than DNS_ALIASES_MAX aliases. */
MUST_CHECK enum err dns_message_addresses(struct span message, enum dns_type type,
                                          struct address *addresses, size_t room,
                                          size_t *count, struct err_info *why);

/* The TXT records in the answer section, as above; the character-strings of each are
 * joined (RFC 8555 8.4 leaves that to us, RFC 7208 3.3 and 8659 4 do it). Any octets may
 * be in them. All are in the arena, together no longer than the message. ERR_PROTOCOL if
 * it is no well-formed response: a record that is empty or whose last string is cut is
 * none (RFC 1035 3.3.14). `alias` is where the last alias of the answer leads, as it is
 * written there but for NULs, which are "?"; NULL without one. */
MUST_CHECK enum err dns_message_texts(struct arena *a, struct span message,
                                      const struct span **texts, size_t *count,
                                      const char **alias, struct err_info *why);

#define DNS_CAA_CRITICAL 0x80 /* flag: who does not know the tag must not issue */

/* A CAA record (RFC 8659 4.1), as it is on the wire. */
struct dns_caa {
    uint8_t flags;
    struct span tag; /* at least one octet of any kind */
    struct span value;
};

/* The CAA records in the answer section, as above, copied into the arena. ERR_PROTOCOL if
 * it is no well-formed response: a record without a tag, or whose tag is longer than the
 * record, is none. */
MUST_CHECK enum err dns_message_caa(struct arena *a, struct span message,
                                    const struct dns_caa **records, size_t *count,
                                    struct err_info *why);
