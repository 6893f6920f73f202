/* Certificates as PEM (RFC 7468). */
#include <string.h>

#include "core/x509/certificate.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END   "-----END CERTIFICATE-----"
#define PEM_LINE  64 /* characters, RFC 7468 section 2 */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void certificate_pem_add(struct buf *b, struct span der)
{
    size_t column = 0;

    buf_add_text(b, PEM_BEGIN "\n");
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
    buf_add_text(b, column > 0 ? "\n" PEM_END "\n" : PEM_END "\n");
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

enum err certificate_from_pem(struct arena *a, struct span pem, struct span *ders,
                              size_t max, size_t *count, struct err_info *why)
{
    size_t found = 0;
    const char *at = arena_string_of(a, pem);

    while ((at = strstr(at, PEM_BEGIN)) != NULL) {
        at += strlen(PEM_BEGIN);
        const char *end = strstr(at, PEM_END);
        if (end == NULL)
            return err_set(why, ERR_MALFORMED, "a certificate has no end line");
        if (found == max)
            return err_set(why, ERR_MALFORMED, "there are more than %zu certificates",
                           max);
        if (!decode(a, span_make(at, (size_t)(end - at)), &ders[found]))
            return err_set(why, ERR_MALFORMED, "a certificate is not base64");
        found++;
        at = end;
    }
    if (found == 0)
        return err_set(why, ERR_MALFORMED, "there is no certificate");
    *count = found;
    return ERR_OK;
}
