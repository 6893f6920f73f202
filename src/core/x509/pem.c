/* PEM: base64 between two lines (RFC 7468). */
#include "core/x509/pem.h"

#include <string.h>

#define PEM_LINE 64 /* characters, RFC 7468 section 2 */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void pem_add(struct buf *b, const char *label, struct span der)
{
    size_t column = 0;

    buf_printf(b, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < der.len; i += 3) {
        size_t left = der.len - i;
        uint32_t bits = (uint32_t)der.data[i] << 16 |
                        (left > 1 ? (uint32_t)der.data[i + 1] << 8 : 0) |
                        (left > 2 ? der.data[i + 2] : 0u);
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        left > 1 ? alphabet[bits >> 6 & 63] : '=',
                        left > 2 ? alphabet[bits & 63] : '='};
        buf_add(b, four, sizeof four);
        column += sizeof four;
        if (column == PEM_LINE) {
            buf_add_octet(b, '\n');
            column = 0;
        }
    }
    buf_printf(b, "%s-----END %s-----\n", column > 0 ? "\n" : "", label);
}

static int value_of(uint8_t c)
{
    const char *at = c != 0 ? strchr(alphabet, c) : NULL;
    return at == NULL ? -1 : (int)(at - alphabet);
}

/* Base64 with line breaks; false if malformed. */
static bool decode(struct arena *a, struct span text, struct span *octets)
{
    uint8_t *data = arena_get(a, text.len / 4 * 3 + 3);
    size_t len = 0;
    size_t characters = 0;
    size_t padding = 0;
    uint32_t bits = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
            continue;
        int value = c == '=' ? 0 : value_of(c);
        if (value < 0 || (padding > 0 && c != '='))
            return false;
        padding += c == '=';
        bits = bits << 6 | (uint32_t)value;
        if (++characters % 4 == 0) {
            data[len++] = (uint8_t)(bits >> 16);
            data[len++] = (uint8_t)(bits >> 8);
            data[len++] = (uint8_t)bits;
        }
    }
    if (characters % 4 != 0 || padding > 2 || len < padding)
        return false;
    *octets = span_make(data, len - padding);
    return true;
}

enum err pem_read(struct arena *a, struct span text, const struct pem_kind *kind,
                  struct span *ders, size_t max, size_t *count, struct err_info *why)
{
    const char *begin = arena_printf(a, "-----BEGIN %s-----", kind->label);
    const char *stop = arena_printf(a, "-----END %s-----", kind->label);
    size_t found = 0;
    const char *at = arena_string_of(a, text);

    while ((at = strstr(at, begin)) != NULL) {
        at += strlen(begin);
        const char *end = strstr(at, stop);
        if (end == NULL)
            return err_set(why, ERR_MALFORMED, "a %s has no end line", kind->noun);
        if (found == max)
            return err_set(why, ERR_MALFORMED, "there are more than %zu %ss", max,
                           kind->noun);
        if (!decode(a, span_make(at, (size_t)(end - at)), &ders[found]))
            return err_set(why, ERR_MALFORMED, "a %s is not base64", kind->noun);
        found++;
        at = end;
    }
    if (found == 0)
        return err_set(why, ERR_MALFORMED, "there is no %s", kind->noun);
    *count = found;
    return ERR_OK;
}
