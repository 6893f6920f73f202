/* Base64url without padding (RFC 4648 section 5). */
#include "core/base/base64url.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(uint8_t *to, struct span s)
{
    uint32_t bits = 0;
    unsigned int count = 0;

    for (size_t i = 0; i < s.len; i++) {
        bits = bits << 8 | s.data[i];
        count += 8;
        while (count >= 6) {
            count -= 6;
            *to++ = (uint8_t)alphabet[bits >> count & 63];
        }
    }
    if (count > 0)
        *to = (uint8_t)alphabet[bits << (6 - count) & 63];
}

void base64url_add(struct buf *b, struct span s)
{
    uint8_t *to = buf_reserve(b, BASE64URL_SIZE(s.len));

    if (to == NULL)
        return;
    encode(to, s);
    b->len += BASE64URL_SIZE(s.len);
}

char *base64url_string(struct arena *a, struct span s)
{
    char *text = arena_get(a, BASE64URL_SIZE(s.len) + 1);

    encode((uint8_t *)text, s);
    return text;
}

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(struct arena *a, struct span text, struct span *octets)
{
    if (text.len % 4 == 1)
        return false;
    uint8_t *data = arena_get(a, text.len / 4 * 3 + 3);
    size_t len = 0;
    uint32_t bits = 0;
    unsigned int count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            data[len++] = (uint8_t)(bits >> count);
        }
    }
    if ((bits & ((1u << count) - 1)) != 0)
        return false;
    *octets = span_make(data, len);
    return true;
}

bool base64url_decode_padded(struct arena *a, struct span text, struct span *octets)
{
    for (int i = 0; i < 2 && text.len > 0 && text.data[text.len - 1] == '='; i++)
        text.len--;
    return base64url_decode(a, text, octets);
}
