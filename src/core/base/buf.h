/* A growing buffer that is born with a maximum. The first failed append is remembered, so
 * a row of appends reads straight and is checked once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

struct buf {
    uint8_t *data; /* owned; NULL until the first append */
    size_t len;    /* octets in use */
    size_t room;   /* octets allocated */
    size_t max;    /* never grows beyond this many octets */
    bool failed;   /* an append did not fit; nothing was added since */
};

/* An empty buffer that takes at most `max` octets. It allocates nothing yet. */
struct buf buf_make(size_t max);

/* Free the octets; the buffer is then empty and usable. */
void buf_free(struct buf *b);

/* Forget the content, keep the memory. */
void buf_clear(struct buf *b);

/* Append. Without room below `max` the buffer is marked failed and stays as it is. */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_span(struct buf *b, struct span s);
void buf_add_text(struct buf *b, const char *text);
void buf_add_octet(struct buf *b, uint8_t octet);
void buf_add_number(struct buf *b, int64_t number); /* in decimal */
void buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Make room for `len` more octets and return where they go; the caller adds to `len` what
 * it wrote. NULL (and failed) when `max` forbids it. */
uint8_t *buf_reserve(struct buf *b, size_t len);

/* Remove `len` octets from the front. */
void buf_drop(struct buf *b, size_t len);

/* View of the content, valid until the next append or free. */
static inline struct span buf_span(const struct buf *b)
{
    return span_make(b->data, b->len);
}

static inline void buf_auto(struct buf *b)
{
    buf_free(b);
}
