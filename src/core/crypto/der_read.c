/* Strict DER reading (X.690 clause 10). */
#include "core/crypto/der_read.h"

#include <assert.h>

#include "core/base/clock.h"

#define TAG_CLASS       0xc0u
#define TAG_CONSTRUCTED 0x20u
#define TAG_NUMBER      0x1fu
#define LENGTH_LONG     0x80u
#define LENGTH_OCTETS   4u /* longest length we follow: 4 GiB */

struct der_reader der_read_start(struct span octets, unsigned int max_depth)
{
    static const uint8_t nothing[1];
    struct der_reader r = {.max_depth = max_depth};

    assert(max_depth <= DER_READ_MAX_DEPTH);
    r.start = octets.len > 0 ? octets.data : nothing;
    r.at = r.start;
    r.ends[0] = r.start + octets.len;
    return r;
}

bool der_read_more(const struct der_reader *r)
{
    return r->error == NULL && r->at < r->ends[r->depth];
}

uint8_t der_read_peek(const struct der_reader *r)
{
    return der_read_more(r) ? *r->at : 0;
}

void der_read_fail(struct der_reader *r, const char *phrase)
{
    if (r->error == NULL)
        r->error = phrase;
}

static struct span nothing(void)
{
    return span_make(NULL, 0);
}

/* Universal types have one right form each: SEQUENCE and SET constructed, the rest
 * primitive. */
static bool tag_is_right(uint8_t tag)
{
    unsigned int number = tag & TAG_NUMBER;

    if (number == TAG_NUMBER)
        return false;
    if ((tag & TAG_CLASS) != 0)
        return true;
    bool constructed = (tag & TAG_CONSTRUCTED) != 0;
    bool is_list =
        number == (DER_SEQUENCE & TAG_NUMBER) || number == (DER_SET & TAG_NUMBER);
    return number != 0 && constructed == is_list;
}

/* Length octets at `at`; returns how many, 0 with an error recorded. */
static size_t read_length(struct der_reader *r, const uint8_t *at, size_t left,
                          size_t *length)
{
    if (left == 0) {
        der_read_fail(r, "an element is cut off");
        return 0;
    }
    if (at[0] < LENGTH_LONG) {
        *length = at[0];
        return 1;
    }
    size_t octets = at[0] & ~LENGTH_LONG;
    if (octets == 0) {
        der_read_fail(r, "an indefinite length, which DER forbids");
        return 0;
    }
    if (octets > LENGTH_OCTETS || octets >= left) {
        der_read_fail(r, "a length is cut off or too large");
        return 0;
    }
    size_t value = 0;
    for (size_t i = 1; i <= octets; i++)
        value = value << 8 | at[i];
    if (at[1] == 0 || value < LENGTH_LONG) {
        der_read_fail(r, "a length takes more octets than it needs");
        return 0;
    }
    *length = value;
    return octets + 1;
}

/* The header at the cursor, which does not move: where the content is. */
static bool look(struct der_reader *r, uint8_t *tag, struct span *content)
{
    if (r->error != NULL)
        return false;
    size_t left = (size_t)(r->ends[r->depth] - r->at);
    if (left == 0) {
        der_read_fail(r, "an element is missing");
        return false;
    }
    if (!tag_is_right(r->at[0])) {
        der_read_fail(r, "a tag that DER does not allow here");
        return false;
    }
    size_t length = 0;
    size_t octets = read_length(r, r->at + 1, left - 1, &length);
    if (octets == 0)
        return false;
    if (length > left - 1 - octets) {
        der_read_fail(r, "an element is longer than what holds it");
        return false;
    }
    *tag = r->at[0];
    *content = span_make(r->at + 1 + octets, length);
    return true;
}

struct span der_read_tlv(struct der_reader *r, uint8_t *tag)
{
    uint8_t found = 0;
    struct span content = nothing();

    if (look(r, &found, &content))
        r->at = content.data + content.len;
    if (tag != NULL)
        *tag = found;
    return content;
}

struct span der_read_element(struct der_reader *r)
{
    const uint8_t *start = r->at;

    (void)der_read_tlv(r, NULL);
    return r->error == NULL ? span_make(start, (size_t)(r->at - start)) : nothing();
}

struct span der_read_expect(struct der_reader *r, uint8_t tag)
{
    if (der_read_more(r) && *r->at != tag)
        der_read_fail(r, "an element has not the type that belongs there");
    return der_read_tlv(r, NULL);
}

bool der_read_optional(struct der_reader *r, uint8_t tag, struct span *content)
{
    if (der_read_peek(r) != tag)
        return false;
    *content = der_read_tlv(r, NULL);
    return r->error == NULL;
}

void der_read_enter(struct der_reader *r, uint8_t tag)
{
    assert((tag & TAG_CONSTRUCTED) != 0);
    if (r->error == NULL && r->depth >= r->max_depth)
        der_read_fail(r, "nested too deeply");
    struct span content = der_read_expect(r, tag);
    if (r->error != NULL)
        return;
    r->at = content.data;
    r->depth++;
    r->ends[r->depth] = content.data + content.len;
}

bool der_read_enter_optional(struct der_reader *r, uint8_t tag)
{
    if (der_read_peek(r) != tag)
        return false;
    der_read_enter(r, tag);
    return r->error == NULL;
}

void der_read_leave(struct der_reader *r)
{
    if (der_read_more(r))
        der_read_fail(r, "something is behind the last element of a structure");
    if (r->error != NULL)
        return;
    assert(r->depth > 0);
    r->depth--;
}

bool der_read_boolean(struct der_reader *r)
{
    struct span content = der_read_expect(r, DER_BOOLEAN);

    if (r->error == NULL &&
        (content.len != 1 || (content.data[0] != 0 && content.data[0] != 0xff)))
        der_read_fail(r, "a BOOLEAN is neither 00 nor ff");
    return r->error == NULL && content.len == 1 && content.data[0] != 0;
}

struct span der_read_integer(struct der_reader *r)
{
    struct span content = der_read_expect(r, DER_INTEGER);

    if (r->error != NULL)
        return nothing();
    if (content.len == 0)
        der_read_fail(r, "an INTEGER without octets");
    else if (content.len > 1 && ((content.data[0] == 0 && content.data[1] < 0x80) ||
                                 (content.data[0] == 0xff && content.data[1] >= 0x80)))
        der_read_fail(r, "an INTEGER takes more octets than it needs");
    return r->error == NULL ? content : nothing();
}

struct span der_read_unsigned(struct der_reader *r)
{
    struct span content = der_read_integer(r);

    if (content.data == NULL) /* it failed */
        return nothing();
    if (content.data[0] >= 0x80) {
        der_read_fail(r, "an INTEGER is negative");
        return nothing();
    }
    return content.data[0] == 0 ? span_slice(content, 1, content.len - 1) : content;
}

uint32_t der_read_small(struct der_reader *r, uint32_t max)
{
    struct span content = der_read_unsigned(r);
    uint64_t value = 0;

    if (content.len > sizeof(uint32_t)) {
        der_read_fail(r, "an INTEGER is too large");
        return 0;
    }
    for (size_t i = 0; i < content.len; i++)
        value = value << 8 | content.data[i];
    if (value > max)
        der_read_fail(r, "an INTEGER is too large");
    return r->error == NULL ? (uint32_t)value : 0;
}

struct span der_read_bits(struct der_reader *r)
{
    struct span content = der_read_expect(r, DER_BIT_STRING);

    if (r->error != NULL)
        return nothing();
    if (content.len == 0 || content.data[0] != 0) {
        der_read_fail(r, "a BIT STRING is not whole octets");
        return nothing();
    }
    return span_slice(content, 1, content.len - 1);
}

uint32_t der_read_named_bits(struct der_reader *r)
{
    struct span content = der_read_expect(r, DER_BIT_STRING);
    uint32_t bits = 0;

    if (r->error != NULL)
        return 0;
    if (content.len == 0 || content.len > 3 || content.data[0] > 7 ||
        (content.len == 1 && content.data[0] != 0)) {
        der_read_fail(r, "a BIT STRING of flags is empty or too long");
        return 0;
    }
    if (content.len == 1)
        return 0;
    /* the last bit that is used must be set, the unused ones behind it not */
    unsigned int last = content.data[content.len - 1];
    unsigned int unused = content.data[0];
    if ((last & ((1u << unused) - 1)) != 0 || (last >> unused & 1) == 0) {
        der_read_fail(r, "a BIT STRING of flags has bits it does not need");
        return 0;
    }
    for (uint32_t i = 0; i < (content.len - 1) * 8; i++)
        if ((content.data[1 + i / 8] >> (7 - i % 8) & 1) != 0)
            bits |= UINT32_C(1) << i;
    return bits;
}

struct span der_read_oid(struct der_reader *r)
{
    struct span content = der_read_expect(r, DER_OID);
    bool first = true; /* the next octet begins an arc */

    if (r->error != NULL)
        return nothing();
    for (size_t i = 0; i < content.len; i++) {
        if (first && content.data[i] == 0x80)
            der_read_fail(r, "an OBJECT IDENTIFIER takes more octets than it needs");
        first = content.data[i] < 0x80;
    }
    if (content.len == 0 || !first)
        der_read_fail(r, "an OBJECT IDENTIFIER is cut off");
    return r->error == NULL ? content : nothing();
}

void der_read_null(struct der_reader *r)
{
    struct span content = der_read_expect(r, DER_NULL);

    if (content.len != 0)
        der_read_fail(r, "a NULL with content");
}

static int two_digits(const uint8_t *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

int64_t der_read_time(struct der_reader *r)
{
    uint8_t tag = 0;
    struct span s = der_read_tlv(r, &tag);
    bool is_long = tag == DER_GENERALIZED_TIME;

    if (r->error != NULL)
        return 0;
    bool good = (is_long || tag == DER_UTC_TIME) && s.len == (is_long ? 15 : 13) &&
                s.data[s.len - 1] == 'Z';
    for (size_t i = 0; good && i + 1 < s.len; i++)
        good = s.data[i] >= '0' && s.data[i] <= '9';
    int64_t seconds = 0;
    if (good) {
        int year = two_digits(s.data);
        const uint8_t *at = s.data + 2;
        if (is_long) {
            year = year * 100 + two_digits(at);
            at += 2;
        } else {
            year += year >= 50 ? 1900 : 2000; /* RFC 5280 4.1.2.5.1 */
        }
        struct clock_civil c = {year,
                                two_digits(at),
                                two_digits(at + 2),
                                two_digits(at + 4),
                                two_digits(at + 6),
                                two_digits(at + 8)};
        good = clock_from_civil(c, &seconds);
    }
    if (!good)
        der_read_fail(r, "a time is not written as RFC 5280 4.1.2.5 wants it");
    return good ? seconds : 0;
}

enum err der_read_finish(struct der_reader *r, enum err code, const char *what,
                         struct err_info *why)
{
    if (r->error == NULL && r->depth > 0)
        der_read_fail(r, "it ends inside a structure");
    if (der_read_more(r))
        der_read_fail(r, "something is behind its end");
    if (r->error == NULL)
        return ERR_OK;
    return err_set(why, code, "%s: %s at octet %zu", what, r->error,
                   (size_t)(r->at - r->start));
}
