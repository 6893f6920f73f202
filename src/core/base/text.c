/* Small, total helpers for text and numbers. */
#include "core/base/text.h"

#include <string.h>

/* Length of the UTF-8 sequence at `p` (RFC 3629), 0 if it is not well-formed. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = p[0] < 0x80         ? 1
                  : (p[0] >> 5) == 6  ? 2
                  : (p[0] >> 4) == 14 ? 3
                  : (p[0] >> 3) == 30 ? 4
                                      : 0;
    uint32_t code = size == 1   ? p[0]
                    : size == 2 ? p[0] & 0x1fu
                    : size == 3 ? p[0] & 0x0fu
                                : p[0] & 7u;

    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] >> 6) != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if (size > 1 && code < least[size])
        return 0;
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return size;
}

/* Marks that turn the direction of the text around them, and the separators of lines and
 * paragraphs: what a terminal shows behind them is not what is there. U+061C, U+200E,
 * U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool misleads(const uint8_t *p, size_t size)
{
    if (size == 2)
        return p[0] == 0xd8 && p[1] == 0x9c;
    if (size != 3 || p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

void text_make_printable(char *text)
{
    uint8_t *p = (uint8_t *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t size = utf8_length(p, left);
        if (size == 0 || *p < 0x20 || *p == 0x7f ||
            (size == 2 && p[0] == 0xc2 && p[1] < 0xa0)) {
            *p = '?';
            size = 1;
        } else if (misleads(p, size)) {
            memset(p, '?', size);
        }
        p += size;
        left -= size;
    }
}

bool text_is_utf8(struct span s)
{
    size_t at = 0;

    while (at < s.len) {
        size_t size = utf8_length(s.data + at, s.len - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

void text_lower(char *text)
{
    for (uint8_t *p = (uint8_t *)text; *p != 0; p++)
        *p = lower(*p);
}

bool text_equal_ignoring_case(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool text_number(struct span s, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.data[i] - '0');
        if (value > (max - digit) / 10 || digit > max)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

const char *text_digits(char to[TEXT_DIGITS_MAX], uint64_t number)
{
    size_t at = TEXT_DIGITS_MAX;

    do {
        to[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return to + at;
}

bool text_duration_ms(struct span s, int64_t *milliseconds)
{
    static const struct {
        const char *unit;
        int64_t milliseconds;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    size_t digits = 0;
    uint64_t number;

    while (digits < s.len && s.data[digits] >= '0' && s.data[digits] <= '9')
        digits++;
    if (!text_number(span_slice(s, 0, digits), INT64_MAX, &number))
        return false;
    if (digits == s.len && number == 0) {
        *milliseconds = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!span_is(span_slice(s, digits, s.len), units[i].unit))
            continue;
        if (number > (uint64_t)(INT64_MAX / units[i].milliseconds))
            return false;
        *milliseconds = (int64_t)number * units[i].milliseconds;
        return true;
    }
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span text_trim(struct span s)
{
    while (s.len > 0 && is_space(s.data[0]))
        s = span_slice(s, 1, s.len);
    while (s.len > 0 && is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

unsigned int text_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    unsigned int row[LONGEST + 1];
    size_t a_len = strnlen(a, LONGEST);
    size_t b_len = strnlen(b, LONGEST);

    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned int)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned int diagonal = row[0];
        row[0] = (unsigned int)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned int best = diagonal + (a[i - 1] != b[j - 1] ? 1u : 0u);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_len];
}

bool text_resembles(const char *word, const char *known)
{
    size_t len = strlen(word);

    if (len > 1 && strncmp(word, known, len) == 0)
        return true;
    return text_distance(word, known) <= len / 3 + 1 && text_distance(word, known) < len;
}

bool text_copy(char *to, size_t room, const char *from)
{
    size_t len = strlen(from);
    bool fits = len < room;

    if (room == 0)
        return false;
    if (!fits)
        len = room - 1;
    memcpy(to, from, len);
    to[len] = '\0';
    return fits;
}

void text_hex(char *to, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[data[i] >> 4];
        to[2 * i + 1] = digits[data[i] & 15];
    }
    to[2 * len] = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unhex(struct span s, uint8_t *to, size_t room, size_t *len)
{
    if (s.len % 2 != 0 || s.len / 2 > room)
        return false;
    for (size_t i = 0; i < s.len; i += 2) {
        int high = hex_digit(s.data[i]);
        int low = hex_digit(s.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i / 2] = (uint8_t)(high << 4 | low);
    }
    *len = s.len / 2;
    return true;
}

size_t text_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
    return (size_t)(hash ^ (hash >> 32));
}
