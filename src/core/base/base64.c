/* Base64 with padding (RFC 4648 section 4). */
#include "core/base/base64.h"

#include "core/base/base64url.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct buf *b, struct span s)
{
    uint8_t *to = buf_reserve(b, (s.len + 2) / 3 * 4);

    if (to == NULL)
        return;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = s.len - i;
        uint32_t bits = (uint32_t)s.data[i] << 16 |
                        (left > 1 ? (uint32_t)s.data[i + 1] << 8 : 0) |
                        (left > 2 ? s.data[i + 2] : 0u);
        *to++ = (uint8_t)alphabet[bits >> 18];
        *to++ = (uint8_t)alphabet[bits >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)alphabet[bits & 63] : '=';
    }
    b->len += (s.len + 2) / 3 * 4;
}

/* The two alphabets differ in two letters. */
bool base64_decode(struct arena *a, struct span text, struct span *octets)
{
    uint8_t *other = arena_get(a, text.len + 1);
    size_t len = text.len;

    if (text.len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && len > 0 && text.data[len - 1] == '='; i++)
        len--;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.data[i];
        if (c == '-' || c == '_')
            return false;
        other[i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    return base64url_decode(a, span_make(other, len), octets);
}
