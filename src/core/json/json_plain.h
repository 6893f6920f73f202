/* Octets that stand in a JSON string as they are: ASCII without controls, quotation mark
 * and backslash (RFC 8259 7). Nearly all text of ACME is of these only. */
#pragma once

#include <string.h>

#include "core/base/span.h"

#define JSON_PLAIN_AT_ONCE 8 /* octets */

/* Is none of these eight octets anything else? What borrows from one octet to the next
 * only makes a "no" of a "no". */
static inline bool json_plain_eight(const uint8_t *octets)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t high = ones << 7;
    uint64_t x;

    memcpy(&x, octets, sizeof x);
    uint64_t quote = x ^ (ones * '"');
    uint64_t backslash = x ^ (ones * '\\');
    uint64_t control = (x - ones * ' ') & ~x;
    quote = (quote - ones) & ~quote;
    backslash = (backslash - ones) & ~backslash;
    return ((x | control | quote | backslash) & high) == 0;
}

static inline bool json_plain_is(uint8_t c)
{
    return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* How many there are before the first other octet. */
static inline size_t json_plain_length(struct span s)
{
    size_t i = 0;

    while (s.len - i >= JSON_PLAIN_AT_ONCE && json_plain_eight(s.data + i))
        i += JSON_PLAIN_AT_ONCE;
    while (i < s.len && json_plain_is(s.data[i]))
        i++;
    return i;
}
