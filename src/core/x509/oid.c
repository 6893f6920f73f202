/* Object identifiers and signature algorithms. */
#include "core/x509/oid.h"

#include "core/base/text.h"

#define ARC_OCTETS_MAX 9  /* of seven bits each: below 2^63 */
#define SECOND_ARCS    40 /* under 0 and 1; the first two numbers are one, X.690 8.19.4 */

static const struct span octets_of[OID_COUNT] = {
#define OID(name, octets) {(const uint8_t *)(octets), sizeof(octets) - 1},
#include "core/x509/oids.def"
#undef OID
};

static const struct {
    enum oid oid;
    enum key_signature kind;
    bool null_parameters; /* RFC 4055 5: RSA has NULL, the others nothing */
} algorithms[] = {
    {OID_ECDSA_SHA256, KEY_SIGNATURE_ECDSA_SHA256, false},
    {OID_ECDSA_SHA384, KEY_SIGNATURE_ECDSA_SHA384, false},
    {OID_ECDSA_SHA512, KEY_SIGNATURE_ECDSA_SHA512, false},
    {OID_RSA_SHA256, KEY_SIGNATURE_RS256, true},
    {OID_RSA_SHA384, KEY_SIGNATURE_RS384, true},
    {OID_RSA_SHA512, KEY_SIGNATURE_RS512, true},
    {OID_ED25519, KEY_SIGNATURE_EDDSA, false},
    {OID_MLDSA44, KEY_SIGNATURE_MLDSA44, false},
    {OID_MLDSA65, KEY_SIGNATURE_MLDSA65, false},
    {OID_MLDSA87, KEY_SIGNATURE_MLDSA87, false},
};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

struct span oid_octets(enum oid oid)
{
    return octets_of[oid];
}

bool oid_is(struct span content, enum oid oid)
{
    return span_equal(content, octets_of[oid]);
}

void oid_write(struct der_writer *w, enum oid oid)
{
    der_write_element(w, DER_OID, octets_of[oid]);
}

/* Base 128, most significant first, all but the last with the top bit (X.690 8.19.2). */
static size_t write_arc(uint8_t *to, uint64_t arc)
{
    size_t count = 1;

    while (arc >> (7 * count) != 0 && count < ARC_OCTETS_MAX)
        count++;
    for (size_t i = 0; i < count; i++)
        to[i] =
            (uint8_t)((arc >> (7 * (count - 1 - i)) & 0x7f) | (i + 1 < count ? 0x80 : 0));
    return count;
}

/* The next number of a dotted text, which must be followed by another one or nothing. */
static bool read_arc(struct span *text, uint64_t *arc)
{
    size_t len = 0;

    while (len < text->len && text->data[len] != '.')
        len++;
    bool last = len == text->len;
    bool good = text_number(span_slice(*text, 0, len), INT64_MAX, arc) &&
                (len == 1 || text->data[0] != '0') && (last || len + 1 < text->len);
    *text = span_slice(*text, last ? len : len + 1, text->len);
    return good;
}

bool oid_from_text(struct arena *a, struct span text, struct span *content)
{
    uint64_t first = 0;
    uint64_t second = 0;

    if (text.len > OID_TEXT_MAX || !read_arc(&text, &first) ||
        !read_arc(&text, &second) || first > 2 || (first < 2 && second >= SECOND_ARCS) ||
        second > INT64_MAX - 2 * SECOND_ARCS)
        return false;
    uint8_t *octets = arena_get(a, OID_TEXT_MAX + ARC_OCTETS_MAX);
    size_t len = write_arc(octets, first * SECOND_ARCS + second);
    while (text.len > 0) {
        uint64_t arc = 0;
        if (!read_arc(&text, &arc))
            return false;
        len += write_arc(octets + len, arc);
    }
    *content = span_make(octets, len);
    return true;
}

/* The number whose octets begin at `*at`. */
static bool take_arc(struct span content, size_t *at, uint64_t *arc)
{
    *arc = 0;
    if (*at < content.len && content.data[*at] == 0x80)
        return false; /* not the shortest form */
    for (size_t i = 0; i < ARC_OCTETS_MAX && *at < content.len; i++) {
        uint8_t octet = content.data[(*at)++];
        *arc = *arc << 7 | (octet & 0x7f);
        if ((octet & 0x80) == 0)
            return true;
    }
    return false;
}

char *oid_to_text(struct arena *a, struct span content)
{
    uint64_t arc = 0;
    size_t at = 0;

    if (!take_arc(content, &at, &arc))
        return NULL;
    uint64_t first = arc / SECOND_ARCS < 2 ? arc / SECOND_ARCS : 2;
    char *text = arena_printf(a, "%llu.%llu", (unsigned long long)first,
                              (unsigned long long)(arc - first * SECOND_ARCS));
    while (at < content.len) {
        if (!take_arc(content, &at, &arc))
            return NULL;
        text = arena_printf(a, "%s.%llu", text, (unsigned long long)arc);
    }
    return text;
}

void oid_write_signature(struct der_writer *w, enum key_signature kind)
{
    size_t mark = der_write_mark(w);

    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (algorithms[i].kind != kind)
            continue;
        if (algorithms[i].null_parameters)
            der_write_element(w, DER_NULL, span_make(NULL, 0));
        oid_write(w, algorithms[i].oid);
        der_write_wrap(w, DER_SEQUENCE, mark);
        return;
    }
    w->failed = true;
}

enum key_signature oid_read_signature(struct der_reader *r)
{
    enum key_signature kind = KEY_SIGNATURE_ECDSA_SHA256;
    bool known = false;

    der_read_enter(r, DER_SEQUENCE);
    struct span oid = der_read_oid(r);
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (!oid_is(oid, algorithms[i].oid))
            continue;
        known = true;
        kind = algorithms[i].kind;
        if (algorithms[i].null_parameters)
            der_read_null(r);
    }
    if (!known)
        der_read_fail(r, "the signature algorithm is not supported");
    der_read_leave(r);
    return kind;
}
