/* A growing, bounded buffer. */
#include "core/base/buf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/base/text_format.h"

#define BUF_FIRST_ROOM 1024 /* octets; the largest that malloc has at hand, nearly */

struct buf buf_make(size_t max)
{
    struct buf b = {.max = max};
    return b;
}

void buf_free(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = 0;
    b->room = 0;
    b->failed = false;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
    if (b->failed || len > b->max - b->len) {
        b->failed = true;
        return NULL;
    }
    if (b->room - b->len < len || b->data == NULL) {
        size_t room = b->room > 0 ? b->room : BUF_FIRST_ROOM;
        while (room - b->len < len)
            room = room > b->max / 2 ? b->max : room * 2;
        b->data = memory_resize(b->data, room);
        b->room = room;
    }
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    uint8_t *to = buf_reserve(b, len);

    if (to == NULL || len == 0)
        return;
    memcpy(to, data, len);
    b->len += len;
}

void buf_add_span(struct buf *b, struct span s)
{
    buf_add(b, s.data, s.len);
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_octet(struct buf *b, uint8_t octet)
{
    buf_add(b, &octet, 1);
}

void buf_add_number(struct buf *b, int64_t number)
{
    char digits[TEXT_DIGITS_MAX];
    const char *first =
        text_digits(digits, number < 0 ? -(uint64_t)number : (uint64_t)number);

    if (number < 0)
        buf_add_octet(b, '-');
    buf_add(b, first, (size_t)(digits + sizeof digits - first));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    char small[512];
    va_list arguments;

    va_start(arguments, format);
    int size = text_format(small, sizeof small, format, arguments);
    va_end(arguments);
    if (size < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)size < sizeof small) {
        buf_add(b, small, (size_t)size);
        return;
    }
    /* text_format also writes a NUL; ask for it, do not count it */
    if ((size_t)size + 1 > b->max - b->len) {
        b->failed = true;
        return;
    }
    uint8_t *to = buf_reserve(b, (size_t)size + 1);
    if (to == NULL)
        return;
    va_start(arguments, format);
    (void)text_format((char *)to, (size_t)size + 1, format, arguments);
    va_end(arguments);
    b->len += (size_t)size;
}

void buf_drop(struct buf *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}
