/* A walk over a DNS message (RFC 1035 4) that remembers its first error: a row of takes
 * reads straight and is checked once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/span.h"

#define DNS_HEADER_SIZE 12
#define DNS_NAME_MAX    253 /* octets of a name as text, without the final dot */

struct dns_cursor {
    struct span message;
    size_t at;
    bool bad; /* something did not fit; every take gives 0 from then on */
};

/* The next 16 bits. */
unsigned int dns_cursor_take16(struct dns_cursor *c);

/* Pass over octets. */
void dns_cursor_skip(struct dns_cursor *c, size_t octets);

/* Pass over a name: it ends with the root or at the first pointer (RFC 1035 4.1.4). */
void dns_cursor_skip_name(struct dns_cursor *c);

/* The name at an offset, its pointers followed: each leads back, and what they add up to
 * is bounded, so that none goes on for ever. `to` has room for DNS_NAME_MAX and a NUL; no
 * final dot, NULs are "?". False if it is malformed, too long, or the root; `to` is then
 * as it was. */
bool dns_cursor_name(struct span message, size_t at, char *to);
