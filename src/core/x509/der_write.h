/* DER written backwards into a fixed buffer: the length of a value is known when its
 * header is written, so nothing is moved or measured twice. Write the last element first.
 *
 *     size_t end = der_write_mark(&w);
 *     oid_write(&w, value); oid_write(&w, type);
 *     der_write_wrap(&w, DER_SEQUENCE, end);
 *
 * The first lack of room is remembered; check der_write_take once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"
#include "core/crypto/der_read.h"

struct der_writer {
    uint8_t *data; /* not owned */
    size_t at;     /* the next octet goes to data[at - 1] */
    size_t size;
    bool failed;
};

/* A writer that fills `data` from its end. */
struct der_writer der_writer_make(uint8_t *data, size_t size);

/* Where the writer stands: to be given to der_write_wrap later. */
size_t der_write_mark(const struct der_writer *w);

/* Octets as they are. */
void der_write_raw(struct der_writer *w, struct span octets);

/* Identifier and length for everything written since `mark`. */
void der_write_wrap(struct der_writer *w, uint8_t tag, size_t mark);

/* Identifier and length for `len` octets that stand behind, written or elsewhere. */
void der_write_header(struct der_writer *w, uint8_t tag, size_t len);

/* One primitive element. */
void der_write_element(struct der_writer *w, uint8_t tag, struct span content);

/* INTEGER, not negative: big-endian magnitude; a zero octet is put in front where needed.
 */
void der_write_unsigned(struct der_writer *w, struct span magnitude);

/* BIT STRING of whole octets. */
void der_write_bits(struct der_writer *w, struct span octets);

/* BOOLEAN TRUE. */
void der_write_true(struct der_writer *w);

/* A time as RFC 5280 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050.
 */
void der_write_time(struct der_writer *w, int64_t seconds);

/* A GeneralizedTime of whole seconds, "Z" behind them (RFC 6960 4.2.2.1). */
void der_write_generalized_time(struct der_writer *w, int64_t seconds);

/* What was written, empty if there was no room for it. Valid as long as the buffer. */
struct span der_write_take(const struct der_writer *w);
