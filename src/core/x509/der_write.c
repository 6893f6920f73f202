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

void der_write_header(struct der_writer *w, uint8_t tag, size_t len)
{
    uint8_t header[6];
    size_t used = 0;
    int octets = len >= 0x1000000 ? 4 : len >= 0x10000 ? 3 : len >= 0x100 ? 2 : 1;

    if (len > UINT32_MAX)
        w->failed = true;
    header[used++] = tag;
    if (len >= 0x80)
        header[used++] = (uint8_t)(0x80 | octets);
    while (octets > 0)
        header[used++] = (uint8_t)(len >> (8 * --octets));
    der_write_raw(w, span_make(header, used));
}

void der_write_wrap(struct der_writer *w, uint8_t tag, size_t mark)
{
    if (!w->failed)
        der_write_header(w, tag, mark - w->at);
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

#define TIME_SIZE 64

static int time_text(char text[TIME_SIZE], int64_t seconds)
{
    struct clock_civil c = clock_civil(seconds);

    (void)snprintf(text, TIME_SIZE, "%04d%02d%02d%02d%02d%02dZ", c.year, c.month, c.day,
                   c.hour, c.minute, c.second);
    return c.year;
}

void der_write_time(struct der_writer *w, int64_t seconds)
{
    char text[TIME_SIZE];

    if (time_text(text, seconds) >= 2050)
        der_write_element(w, DER_GENERALIZED_TIME, span_of(text));
    else
        der_write_element(w, DER_UTC_TIME, span_of(text + 2));
}

void der_write_generalized_time(struct der_writer *w, int64_t seconds)
{
    char text[TIME_SIZE];

    (void)time_text(text, seconds);
    der_write_element(w, DER_GENERALIZED_TIME, span_of(text));
}

struct span der_write_take(const struct der_writer *w)
{
    if (w->failed)
        return span_make(NULL, 0);
    return span_make(w->data + w->at, w->size - w->at);
}
