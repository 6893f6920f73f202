/* Strict DER reading (X.690 clause 10): what is not the one right encoding is refused.
 *
 * A reader is a cursor over octets somebody else owns. It goes down into constructed
 * values and up again, and it remembers its first error: every later read gives an empty
 * span, zero or false and moves nothing, so that a structure is read straight down and
 * checked once at the end.
 *
 *     struct der_reader r = der_read_start(octets, 4);
 *     der_read_enter(&r, DER_SEQUENCE);
 *     struct span serial = der_read_integer(&r);
 *     while (der_read_more(&r))                    // false after an error, too
 *         names[n++] = der_read_expect(&r, DER_IA5_STRING);
 *     der_read_leave(&r);                          // error if something is left inside
 *     TRY(der_read_finish(&r, ERR_BAD_CSR, "the request", why)); // and behind
 *
 * Refused everywhere: indefinite lengths, lengths in more octets than needed, lengths
 * behind the end, tag numbers above 30, primitive SEQUENCE or SET, any other universal
 * type constructed, going down deeper than the caller allows. Spans that are returned
 * point into the octets read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"

/* Identifier octets (X.690 8.1.2). */
#define DER_BOOLEAN          0x01
#define DER_INTEGER          0x02
#define DER_BIT_STRING       0x03
#define DER_OCTET_STRING     0x04
#define DER_NULL             0x05
#define DER_OID              0x06
#define DER_ENUMERATED       0x0a
#define DER_UTF8_STRING      0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_TELETEX_STRING   0x14
#define DER_IA5_STRING       0x16
#define DER_UTC_TIME         0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_UNIVERSAL_STRING 0x1c
#define DER_BMP_STRING       0x1e
#define DER_SEQUENCE         0x30
#define DER_SET              0x31
/* Context-specific [number]: primitive (IMPLICIT of a primitive type) and constructed
 * (EXPLICIT, or IMPLICIT of a SEQUENCE or SET). */
#define DER_CONTEXT(number)             (0x80 + (number))
#define DER_CONTEXT_CONSTRUCTED(number) (0xa0 + (number))

#define DER_READ_MAX_DEPTH 16 /* levels any reader can go down */

/* The cursor. Only der_read.c looks inside. */
struct der_reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t
        *ends[DER_READ_MAX_DEPTH + 1]; /* ends[depth]: end of the level read now */
    unsigned int depth;
    unsigned int max_depth;
    const char
        *error; /* first error, a phrase that lives forever; NULL while all is well */
};

/* A reader over `octets` that can go down `max_depth` levels (at most
 * DER_READ_MAX_DEPTH). */
struct der_reader der_read_start(struct span octets, unsigned int max_depth);

/* Anything left on this level? False after an error. */
bool der_read_more(const struct der_reader *r);

/* Identifier octet of the next element; 0 at the end of this level or after an error. */
uint8_t der_read_peek(const struct der_reader *r);

/* The next element whatever it is: its content, and its identifier octet in `tag` (may be
 * NULL; 0 after an error). */
struct span der_read_tlv(struct der_reader *r, uint8_t *tag);

/* The next element whatever it is, with its identifier and length octets: to be kept,
 * compared or given to a reader of its own. */
struct span der_read_element(struct der_reader *r);

/* Content of the next element, which must have this identifier octet. */
struct span der_read_expect(struct der_reader *r, uint8_t tag);

/* As der_read_expect if the next element has this identifier octet; false if it has
 * another or there is none. */
bool der_read_optional(struct der_reader *r, uint8_t tag, struct span *content);

/* Go down into the next element, which must have this (constructed) identifier octet. */
void der_read_enter(struct der_reader *r, uint8_t tag);

/* Go down if the next element has this identifier octet; false if not, or on an error. */
bool der_read_enter_optional(struct der_reader *r, uint8_t tag);

/* Come up again; an error if something on the level was not read. */
void der_read_leave(struct der_reader *r);

/* BOOLEAN: exactly 00 or ff (X.690 11.1). */
bool der_read_boolean(struct der_reader *r);

/* INTEGER of either sign, minimal (X.690 8.3.2): its content octets, two's complement. */
struct span der_read_integer(struct der_reader *r);

/* INTEGER that is not negative: the magnitude without leading zero; zero is the empty
 * span. */
struct span der_read_unsigned(struct der_reader *r);

/* INTEGER from 0 to `max`; error otherwise. */
uint32_t der_read_small(struct der_reader *r, uint32_t max);

/* BIT STRING that is whole octets: unused-bits must be 0. The octets behind the
 * unused-bits one. */
struct span der_read_bits(struct der_reader *r);

/* BIT STRING with named bits, such as KeyUsage (X.690 11.2.2: no trailing zero bits): bit
 * number i as 1 << i; at most 16 bits. */
uint32_t der_read_named_bits(struct der_reader *r);

/* OBJECT IDENTIFIER: its content octets (never empty, arcs minimal), to be compared
 * whole. */
struct span der_read_oid(struct der_reader *r);

/* NULL, without content. */
void der_read_null(struct der_reader *r);

/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 writes them (seconds, "Z", no fraction):
 * seconds since 1970; 0 after an error. UTCTime years 50-99 are 19xx. */
int64_t der_read_time(struct der_reader *r);

/* Record an error found by the caller ("the version is not 0"), if none is recorded yet.
 * `phrase` must live as long as the reader. */
void der_read_fail(struct der_reader *r, const char *phrase);

/* All is well so far? */
static inline bool der_read_ok(const struct der_reader *r)
{
    return r->error == NULL;
}

/* The end: everything read, nothing behind, no error. Otherwise `code` with the sentence
 * "`what`: PHRASE at octet N". The reader must be on its outermost level. */
MUST_CHECK enum err der_read_finish(struct der_reader *r, enum err code, const char *what,
                                    struct err_info *why);
