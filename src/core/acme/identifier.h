/* Identifiers: what a certificate is for (RFC 8555 9.7.7). */
#pragma once

#include <stdbool.h>

#include "core/acme/terms.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/net/address.h"

#define IDENTIFIER_DNS_MAX                                                               \
    253 /* octets of a name without the final dot (RFC 1035 2.3.4) */
#define IDENTIFIER_LABEL_MAX 63

struct identifier {
    enum identifier_type type;
    const char *value; /* canonical: a name in lower case, a wildcard keeps its "*."; an
                          address as RFC 8738 3 says */
};

/* Has the text no character outside ASCII? */
bool identifier_is_ascii(const char *text);

/* A name with its U-labels made A-labels (IDNA2008; UTS 46 without transitional mapping);
 * NULL if that cannot be. A name that was typed, never one that a peer has sent. */
const char *identifier_to_ascii(struct arena *a, const char *text);

/* Check and make canonical a DNS name given by a client: letters, digits, hyphens, at
 * most 63 and 253 octets, lower-cased, no final dot, "*." allowed in front only, A-labels
 * must be well formed (RFC 5891 by libidn2), no U-labels (the sentence names the A-label
 * to use), no IP address. ERR_MALFORMED or ERR_REJECTED_IDENTIFIER with a sentence. */
MUST_CHECK enum err identifier_read_dns(struct arena *a, const char *text,
                                        struct identifier *identifier,
                                        struct err_info *why);

/* Check an address given by a client: four decimal octets, or IPv6 as RFC 5952 writes it
 * (RFC 8738 3); another form is refused with the right one in the sentence, and so are
 * IPv4 addresses in IPv6 form, networks, ports, zones and brackets. ERR_MALFORMED. */
MUST_CHECK enum err identifier_read_ip(struct arena *a, const char *text,
                                       struct identifier *identifier,
                                       struct err_info *why);

/* The address of an identifier that was read as one. False if it is a name. */
bool identifier_address(const struct identifier *identifier, struct address *address);

/* Does it begin with "*."? */
bool identifier_is_wildcard(const struct identifier *identifier);

/* The name without "*.": what control is proved of. Points into the value. */
const char *identifier_base(const struct identifier *identifier);

/* The value, of a device "TYPE:VALUE": no two identifiers have the same text. In the
 * arena, or the value itself. */
const char *identifier_text(struct arena *a, const struct identifier *identifier);

/* Same type and same canonical value? */
bool identifier_equal(const struct identifier *x, const struct identifier *y);
