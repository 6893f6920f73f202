/* Addresses and networks of IPv4 and IPv6: read strictly, printed canonically
 * (RFC 5952), matched against the IANA special-purpose registries (RFC 6890). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/span.h"

#define ADDRESS_TEXT_SIZE                                                                \
    56 /* octets, "[" IPv6 "]:65535" or "/128" and the NUL included */

#define ADDRESS_REVERSE_SIZE 73 /* octets of the longest reverse name and its NUL */

enum address_family {
    ADDRESS_NONE = 0, /* no address (a Unix socket's peer) */
    ADDRESS_V4 = 4,
    ADDRESS_V6 = 6,
};

struct address {
    enum address_family family;
    uint16_t port; /* host order; 0 when there is none */
    uint8_t
        octets[16]; /* network order; an IPv4 address uses the first 4, the rest is 0 */
};

/* A network in CIDR notation (RFC 4632); the bits behind the prefix are 0. */
struct address_network {
    struct address base;
    unsigned int prefix; /* bits: 0..32 or 0..128 */
};

/* Read an address without port: four decimal octets without leading zeros, or IPv6 text
 * (RFC 4291 2.2) without brackets and zone. The port becomes 0. False if it is none. */
bool address_parse(struct span text, struct address *a);

/* Read "192.0.2.1:80", "[2001:db8::1]:80", or either without port (IPv6 then with or
 * without brackets), which gives `default_port`. False if it is none. */
bool address_parse_with_port(struct span text, uint16_t default_port, struct address *a);

/* Write the address without port, canonical (RFC 5952), NUL-terminated. */
void address_text(const struct address *a, char to[ADDRESS_TEXT_SIZE]);

/* The same with port: "192.0.2.1:80", "[2001:db8::1]:80". */
void address_text_with_port(const struct address *a, char to[ADDRESS_TEXT_SIZE]);

/* Write the name that stands for the address in the DNS, without a final dot:
 * "1.2.0.192.in-addr.arpa" (RFC 1035 3.5), "1.0.(...).ip6.arpa" (RFC 3596 2.5), empty if
 * it is none. */
void address_reverse_name(const struct address *a, char to[ADDRESS_REVERSE_SIZE]);

/* Same family and same address? Ports are not compared. */
bool address_equal(const struct address *a, const struct address *b);

/* The IPv4 address inside an IPv4-mapped one (RFC 4291 2.5.5.2), else the address itself.
 */
struct address address_unmap(const struct address *a);

/* To and from 4 or 16 octets in network order (RFC 5280 4.2.1.6), without port. The span
 * points into `a`; false if there are neither as many. */
struct span address_octets(const struct address *a);
bool address_from_octets(struct span octets, struct address *a);

/* To and from the kernel's form. An AF_UNIX or unknown address gives ADDRESS_NONE; an
 * IPv4-mapped one is unmapped. */
struct address address_from_sockaddr(const struct sockaddr *sa);
socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *to);

/* Read "10.0.0.0/8" or a single address (prefix of all bits). False if malformed or if
 * bits behind the prefix are set. */
bool address_network_parse(struct span text, struct address_network *n);

/* Write "10.0.0.0/8", NUL-terminated. */
void address_network_text(const struct address_network *n, char to[ADDRESS_TEXT_SIZE]);

/* Does the address lie in the network? An IPv4-mapped address is taken as IPv4. */
bool address_network_has(const struct address_network *n, const struct address *a);

/* Why the address is not one of the public Internet: the name of its row in
 * address_special.def, or NULL if it is an ordinary public address. IPv6 forms that carry
 * an IPv4 address (mapped, NAT64, 6to4) are judged by what they carry as well.
 * ADDRESS_NONE is special. Static string. */
const char *address_special_name(const struct address *a);

/* Is it special (loopback, private, link-local, documentation, multicast ...)? */
bool address_is_special(const struct address *a);
