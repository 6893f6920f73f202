/* Each element has the octets that writing it again would give. */
#include <string.h>

#include "core/crypto/der_read.h"
#include "server/lint/lint_rule.h"

#define DEPTH       8
#define CONSTRUCTED 0x20

/* An element taken apart with any length that BER knows but the indefinite one. */
struct element {
    uint8_t tag;
    size_t header; /* octets before the content */
    struct span content;
};

static bool take(struct span octets, struct element *e)
{
    size_t more = 0;
    size_t len = 0;

    if (octets.len < 2 || (octets.data[0] & 0x1f) == 0x1f)
        return false;
    len = octets.data[1];
    if (len >= 0x80) {
        more = len & 0x7f;
        if (more == 0 || more > 4 || more > octets.len - 2)
            return false;
        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | octets.data[2 + i];
    }
    e->tag = octets.data[0];
    e->header = 2 + more;
    e->content = span_slice(octets, e->header, len);
    return len <= octets.len - e->header;
}

/* Identifier and length octets as they are written again: the shortest form. */
static size_t write_header(uint8_t to[6], uint8_t tag, size_t len)
{
    size_t octets = 0;

    to[0] = tag;
    if (len < 0x80) {
        to[1] = (uint8_t)len;
        return 2;
    }
    for (size_t left = len; left > 0; left >>= 8)
        octets++;
    to[1] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++)
        to[2 + i] = (uint8_t)(len >> 8 * (octets - 1 - i));
    return 2 + octets;
}

/* Content that could be written in more than one way is in the right one. */
static bool is_right_primitive(struct span element, uint8_t tag)
{
    struct der_reader r = der_read_start(element, 1);

    switch (tag) {
    case DER_BOOLEAN:
        (void)der_read_boolean(&r);
        break;
    case DER_INTEGER:
        (void)der_read_integer(&r);
        break;
    case DER_OID:
        (void)der_read_oid(&r);
        break;
    case DER_NULL:
        der_read_null(&r);
        break;
    case DER_UTC_TIME:
    case DER_GENERALIZED_TIME:
        (void)der_read_time(&r);
        break;
    default:
        break;
    }
    return der_read_ok(&r);
}

/* SET OF: in ascending order (X.690 11.6). */
static bool is_ordered(struct span last, struct span element)
{
    size_t len = last.len < element.len ? last.len : element.len;
    int order = len == 0 ? 0 : memcmp(last.data, element.data, len);

    return order < 0 || (order == 0 && last.len <= element.len);
}

/* The elements of a SEQUENCE or SET, and all that is in them. */
static bool is_right(struct span octets, bool ordered, unsigned int depth)
{
    struct span last = {0};
    struct element e;
    uint8_t again[6];

    while (octets.len > 0) {
        if (!take(octets, &e))
            return false;
        size_t len = e.header + e.content.len;
        struct span element = span_slice(octets, 0, len);
        if (write_header(again, e.tag, e.content.len) != e.header ||
            memcmp(element.data, again, e.header) != 0)
            return false;
        if ((e.tag & CONSTRUCTED) == 0
                ? !is_right_primitive(element, e.tag)
                : depth == 0 || !is_right(e.content, e.tag == DER_SET, depth - 1))
            return false;
        if (ordered && !is_ordered(last, element))
            return false;
        last = element;
        octets = span_slice(octets, len, octets.len - len);
    }
    return true;
}

/* One element and nothing behind it. */
static bool is_one(struct span octets)
{
    struct element e;

    return take(octets, &e) && e.header + e.content.len == octets.len;
}

const char *rule_der(const struct lint_subject *s)
{
    if (!is_right(s->tbs, false, DEPTH))
        return "the encoding is not the one that DER allows";
    for (size_t i = 0; i < s->extension_count; i++)
        if (!is_one(s->extensions[i].value) ||
            !is_right(s->extensions[i].value, false, DEPTH))
            return "an extension's encoding is not the one that DER allows";
    return NULL;
}
