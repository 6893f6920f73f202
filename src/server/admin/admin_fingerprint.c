/* Fingerprints of keys, read. */
#include "server/admin/admin_fingerprint.h"

#include <string.h>

#include "core/base/base64url.h"
#include "core/base/text.h"

#define HEX_SIZE    (2 * HASH_SHA256_SIZE)
#define COLONS_SIZE (3 * HASH_SHA256_SIZE - 1)
#define BASE64_SIZE BASE64URL_SIZE(HASH_SHA256_SIZE)

static bool from_hex(struct span text, uint8_t *sha256)
{
    size_t len = 0;

    return text_unhex(text, sha256, HASH_SHA256_SIZE, &len) && len == HASH_SHA256_SIZE;
}

/* As openssl writes it. */
static bool from_colons(struct span text, uint8_t *sha256)
{
    uint8_t digits[HEX_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < text.len; i++) {
        if ((i % 3 == 2) != (text.data[i] == ':'))
            return false;
        if (text.data[i] != ':')
            digits[used++] = text.data[i];
    }
    return from_hex(span_make(digits, used), sha256);
}

/* Both alphabets, made one. */
static bool from_base64(struct span text, uint8_t *sha256)
{
    AUTO(arena) struct arena *a = arena_new();
    uint8_t digits[BASE64_SIZE];
    struct span octets;

    for (size_t i = 0; i < BASE64_SIZE; i++)
        digits[i] = text.data[i] == '+' ? '-' : text.data[i] == '/' ? '_' : text.data[i];
    if (!base64url_decode(a, span_make(digits, BASE64_SIZE), &octets) ||
        octets.len != HASH_SHA256_SIZE)
        return false;
    memcpy(sha256, octets.data, HASH_SHA256_SIZE);
    return true;
}

bool admin_fingerprint_read(struct span text, uint8_t sha256[HASH_SHA256_SIZE])
{
    if (text.len == HEX_SIZE)
        return from_hex(text, sha256);
    if (text.len == COLONS_SIZE)
        return from_colons(text, sha256);
    if (text.len == BASE64_SIZE ||
        (text.len == BASE64_SIZE + 1 && text.data[BASE64_SIZE] == '='))
        return from_base64(text, sha256);
    return false;
}
