/* CBOR of attestation objects (RFC 8949), as narrow as they need it: whole numbers,
 * octets, texts, arrays and maps with texts as names. What is read is hostile: an item
 * costs a node of some octets, and their number, their depth and the octets are bounded
 * before. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

enum attest_cbor_kind {
    ATTEST_CBOR_NUMBER,
    ATTEST_CBOR_OCTETS,
    ATTEST_CBOR_TEXT, /* UTF-8 */
    ATTEST_CBOR_ARRAY,
    ATTEST_CBOR_MAP,
};

struct attest_cbor {
    enum attest_cbor_kind kind;
    int64_t number;
    struct span octets;        /* of octets and texts; inside of what was read */
    size_t count;              /* elements of an array; names and values of a map */
    struct attest_cbor *first; /* element, or name; the value of a name is its `next` */
    struct attest_cbor *next;
};

/* Read exactly one item; at most ATTEST_OBJECT_MAX octets, ATTEST_DEPTH_MAX levels,
 * ATTEST_ITEMS_MAX items. Maps and arrays of indefinite length are read, octets and texts
 * in pieces are refused, as are tags, floats, simple values, names that are no text, and
 * a name twice. The item lives in the arena and points into the octets. ERR_MALFORMED. */
MUST_CHECK enum err attest_cbor_read(struct arena *a, struct span octets,
                                     const struct attest_cbor **item,
                                     struct err_info *why);

/* The value of that name in a map; NULL if there is none. */
const struct attest_cbor *attest_cbor_member(const struct attest_cbor *map,
                                             const char *name);
