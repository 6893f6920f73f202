/* Names of certificates (RFC 9773 4.1). */
#include "core/acme/certificate_id.h"

#include "core/base/base64url.h"

#define SIGN_BIT 0x80 /* of the first octet of an INTEGER (X.690 8.3) */

_Static_assert(BASE64URL_SIZE(CERTIFICATE_ID_KEY_MAX) + 1 +
                       BASE64URL_SIZE(CERTIFICATE_ID_SERIAL_MAX + 1) ==
                   CERTIFICATE_ID_TEXT_MAX,
               "the longest text has its longest parts");

/* The content octets of a DER INTEGER that is positive, without the zero octet that only
 * says so. False if it is none, or spelled longer than needed. */
static bool read_serial(struct span content, struct span *serial)
{
    if (content.len == 0 || (content.data[0] & SIGN_BIT) != 0)
        return false;
    if (content.data[0] == 0) {
        if (content.len == 1 || (content.data[1] & SIGN_BIT) == 0)
            return false;
        content = span_slice(content, 1, content.len);
    }
    *serial = content;
    return content.len <= CERTIFICATE_ID_SERIAL_MAX;
}

enum err certificate_id_read(struct arena *a, struct span text, struct certificate_id *id,
                             struct err_info *why)
{
    struct certificate_id found = {0};
    struct span content = {0};
    size_t period = 0;

    if (text.len > CERTIFICATE_ID_TEXT_MAX)
        return err_set(why, ERR_MALFORMED,
                       "the name of a certificate has at most %d "
                       "characters (RFC 9773 4.1)",
                       CERTIFICATE_ID_TEXT_MAX);
    while (period < text.len && text.data[period] != '.')
        period++;
    if (period == text.len)
        return err_set(why, ERR_MALFORMED,
                       "the name of a certificate is base64url(keyIdentifier), a period, "
                       "base64url(serial) (RFC 9773 4.1)");
    if (!base64url_decode(a, span_slice(text, 0, period), &found.key_id) ||
        !base64url_decode(a, span_slice(text, period + 1, text.len), &content))
        return err_set(why, ERR_MALFORMED,
                       "a part of the certificate's name is not base64url without "
                       "padding (RFC 9773 4.1)");
    if (found.key_id.len == 0 || found.key_id.len > CERTIFICATE_ID_KEY_MAX)
        return err_set(why, ERR_MALFORMED,
                       "the certificate's name begins with a keyIdentifier of 1 to %d "
                       "octets",
                       CERTIFICATE_ID_KEY_MAX);
    if (!read_serial(content, &found.serial))
        return err_set(why, ERR_MALFORMED,
                       "the certificate's name ends with a serial that is no positive "
                       "DER INTEGER of at most %d octets (a zero octet stands before a "
                       "first bit that is set, and only there)",
                       CERTIFICATE_ID_SERIAL_MAX);
    *id = found;
    return ERR_OK;
}

char *certificate_id_text(struct arena *a, const struct certificate_id *id)
{
    uint8_t content[CERTIFICATE_ID_SERIAL_MAX + 1] = {0};

    if (id->key_id.len == 0 || id->key_id.len > CERTIFICATE_ID_KEY_MAX ||
        id->serial.len == 0 || id->serial.len > CERTIFICATE_ID_SERIAL_MAX)
        return NULL;
    size_t zero = (id->serial.data[0] & SIGN_BIT) != 0 ? 1 : 0;
    memcpy(content + zero, id->serial.data, id->serial.len);
    return arena_printf(a, "%s.%s", base64url_string(a, id->key_id),
                        base64url_string(a, span_make(content, zero + id->serial.len)));
}
