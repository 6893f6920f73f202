/* Base64url without padding (RFC 4648 section 5). */
#include "core/base/base64url.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(uint8_t *to, struct span s)
{
    const uint8_t *from = s.data;
    size_t left = s.len;

    for (; left >= 3; left -= 3, from += 3, to += 4) {
        uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = (uint8_t)alphabet[bits >> 18];
        to[1] = (uint8_t)alphabet[bits >> 12 & 63];
        to[2] = (uint8_t)alphabet[bits >> 6 & 63];
        to[3] = (uint8_t)alphabet[bits & 63];
    }
    if (left == 0)
        return;
    uint32_t bits = (uint32_t)from[0] << 16 | (left > 1 ? (uint32_t)from[1] << 8 : 0);
    *to++ = (uint8_t)alphabet[bits >> 18];
    *to++ = (uint8_t)alphabet[bits >> 12 & 63];
    if (left > 1)
        *to = (uint8_t)alphabet[bits >> 6 & 63];
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

/* What each octet stands for, and 1 more; 0: nothing. Comparing instead of looking up
 * took 1 % of the CPU of a certificate. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
    ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
    ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
    ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
    ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
    ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
    ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63,
    ['_'] = 64,
};

/* Four letters at a time; false: some are none. */
static bool decode_whole(const uint8_t *from, size_t count, uint8_t *to)
{
    for (; count > 0; count--, from += 4, to += 3) {
        uint32_t a = values[from[0]];
        uint32_t b = values[from[1]];
        uint32_t c = values[from[2]];
        uint32_t d = values[from[3]];
        if (a == 0 || b == 0 || c == 0 || d == 0)
            return false;
        uint32_t bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
    }
    return true;
}

bool base64url_decode(struct arena *a, struct span text, struct span *octets)
{
    if (text.len % 4 == 1)
        return false;
    size_t whole = text.len / 4;
    uint8_t *data = arena_get(a, whole * 3 + 3);
    size_t len = whole * 3;
    uint32_t bits = 0;
    unsigned int count = 0;
    if (!decode_whole(text.data, whole, data))
        return false;
    for (size_t i = whole * 4; i < text.len; i++) {
        uint32_t value = values[text.data[i]];
        if (value == 0)
            return false;
        bits = bits << 6 | (value - 1);
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
