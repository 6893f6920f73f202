/* DER written backwards. */
#include "core/x509/der_write.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"

struct der_writer der_writer_make(uint8_t *data, size_t size)
{
    struct der_writer w = {.data = data, .at = size, .size = size};
    return w;
}

size_t der_write_mark(const struct der_writer *w)
{
    return w->at;
}

void der_write_raw(struct der_writer *w, struct span octets)
{
    if (w->failed || octets.len > w->at) {
        w->failed = true;
        return;
    }
    if (octets.len == 0)
        return;
    w->at -= octets.len;
    memcpy(w->data + w->at, octets.data, octets.len);
}

void der_write_wrap(struct der_writer *w, uint8_t tag, size_t mark)
{
    uint8_t header[6];
    size_t used = 0;
    size_t len = mark - w->at;

    if (w->failed)
        return;
    header[used++] = tag;
    if (len >= 0x10000) {
        header[used++] = 0x83;
        header[used++] = (uint8_t)(len >> 16);
        header[used++] = (uint8_t)(len >> 8);
    } else if (len >= 0x100) {
        header[used++] = 0x82;
        header[used++] = (uint8_t)(len >> 8);
    } else if (len >= 0x80) {
        header[used++] = 0x81;
    }
    header[used++] = (uint8_t)len;
    der_write_raw(w, span_make(header, used));
}

void der_write_element(struct der_writer *w, uint8_t tag, struct span content)
{
    size_t mark = w->at;

    der_write_raw(w, content);
    der_write_wrap(w, tag, mark);
}

void der_write_unsigned(struct der_writer *w, struct span magnitude)
{
    static const uint8_t zero = 0;
    size_t mark = w->at;

    while (magnitude.len > 0 && magnitude.data[0] == 0)
        magnitude = span_slice(magnitude, 1, magnitude.len);
    der_write_raw(w, magnitude);
    if (magnitude.len == 0 || magnitude.data[0] >= 0x80)
        der_write_raw(w, span_make(&zero, 1));
    der_write_wrap(w, DER_INTEGER, mark);
}

void der_write_bits(struct der_writer *w, struct span octets)
{
    static const uint8_t none_unused = 0;
    size_t mark = w->at;

    der_write_raw(w, octets);
    der_write_raw(w, span_make(&none_unused, 1));
    der_write_wrap(w, DER_BIT_STRING, mark);
}

void der_write_true(struct der_writer *w)
{
    static const uint8_t yes = 0xff;

    der_write_element(w, DER_BOOLEAN, span_make(&yes, 1));
}

void der_write_time(struct der_writer *w, int64_t seconds)
{
    struct clock_civil c = clock_civil(seconds);
    char text[64];

    (void)snprintf(text, sizeof text, "%04d%02d%02d%02d%02d%02dZ", c.year, c.month, c.day,
                   c.hour, c.minute, c.second);
    if (c.year >= 2050)
        der_write_element(w, DER_GENERALIZED_TIME, span_of(text));
    else
        der_write_element(w, DER_UTC_TIME, span_of(text + 2));
}

struct span der_write_take(const struct der_writer *w)
{
    if (w->failed)
        return span_make(NULL, 0);
    return span_make(w->data + w->at, w->size - w->at);
}
