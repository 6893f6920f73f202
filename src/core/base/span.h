/* A view of octets somebody else owns. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data; /* may be NULL when len is 0 */
    size_t len;          /* octets */
};

/* The octets of a NUL-terminated string, without the NUL. NULL gives the empty span. */
static inline struct span span_of(const char *text)
{
    struct span s = {(const uint8_t *)text, text != NULL ? strlen(text) : 0};
    return s;
}

/* `len` octets at `data`. */
static inline struct span span_make(const void *data, size_t len)
{
    struct span s = {(const uint8_t *)data, len};
    return s;
}

/* Same length and same octets? Not constant-time: use secret_equal for secrets. */
static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Same octets as a NUL-terminated string? */
static inline bool span_is(struct span a, const char *text)
{
    return span_equal(a, span_of(text));
}

/* `len` octets from `offset`; both are cut to what is there. */
static inline struct span span_slice(struct span s, size_t offset, size_t len)
{
    if (offset > s.len)
        offset = s.len;
    if (len > s.len - offset)
        len = s.len - offset;
    return span_make(s.data == NULL ? NULL : s.data + offset, len);
}
