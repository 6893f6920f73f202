/* The two layouts of an ECDSA signature. */
#include "core/crypto/ecdsa.h"

#include "core/base/err.h"
#include "core/crypto/der_read.h"

#define NUMBER_MAX 66 /* octets of a P-521 scalar */

/* Write an INTEGER of the big-endian number `from` that may have leading zeros. */
static uint8_t *put_integer(uint8_t *to, struct span from)
{
    while (from.len > 1 && from.data[0] == 0)
        from = span_slice(from, 1, from.len - 1);
    size_t sign = from.data[0] >= 0x80 ? 1 : 0;
    *to++ = DER_INTEGER;
    *to++ = (uint8_t)(from.len + sign);
    if (sign > 0)
        *to++ = 0;
    memcpy(to, from.data, from.len);
    return to + from.len;
}

size_t ecdsa_to_der(struct span raw, size_t number_len, uint8_t *der)
{
    uint8_t numbers[2 * (NUMBER_MAX + 3)];

    if (number_len == 0 || number_len > NUMBER_MAX || raw.len != 2 * number_len)
        return 0;
    uint8_t *end = put_integer(numbers, span_slice(raw, 0, number_len));
    end = put_integer(end, span_slice(raw, number_len, number_len));
    size_t len = (size_t)(end - numbers);
    size_t header = 0;
    der[header++] = DER_SEQUENCE;
    if (len >= 0x80)
        der[header++] = 0x81;
    der[header++] = (uint8_t)len;
    memcpy(der + header, numbers, len);
    return header + len;
}

static bool pad(uint8_t *to, size_t room, struct span number)
{
    if (number.len > room)
        return false;
    memset(to, 0, room - number.len);
    if (number.len > 0)
        memcpy(to + room - number.len, number.data, number.len);
    return true;
}

bool ecdsa_to_raw(struct span der, size_t number_len, uint8_t *raw)
{
    struct der_reader r = der_read_start(der, 1);

    der_read_enter(&r, DER_SEQUENCE);
    struct span first = der_read_unsigned(&r);
    struct span second = der_read_unsigned(&r);
    der_read_leave(&r);
    if (der_read_finish(&r, ERR_CRYPTO, "the signature", NULL) != ERR_OK)
        return false;
    return pad(raw, number_len, first) && pad(raw + number_len, number_len, second);
}
