/* Serial numbers of tokens, and ids of managed devices. */
#include "core/attest/step_identity.h"

#include "core/crypto/der_read.h"

#define SERIAL_SIZE_MAX 8 /* octets */

/* Content octets: 1.3.6.1.4.1.41482.3, what it has below it, and
 * 1.3.6.1.4.1.37476.9000.64.4. */
static const uint8_t piv[] = {0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3};
static const uint8_t serial[] = {0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3, 7};
static const uint8_t managed[] = {0x2b, 6,    1,    4,    1,    0x82,
                                  0xa4, 0x64, 0xc6, 0x28, 0x40, 4};

/* An INTEGER, in decimal. */
static enum err read_serial(struct arena *a, struct span value, struct span *id,
                            struct err_info *why)
{
    struct der_reader r = der_read_start(value, 1);
    struct span octets = der_read_unsigned(&r);
    uint64_t number = 0;

    TRY(der_read_finish(&r, ERR_MALFORMED, "the serial number of the token", why));
    if (octets.len > SERIAL_SIZE_MAX)
        return err_set(why, ERR_MALFORMED,
                       "the serial number of the token has more than %d octets",
                       SERIAL_SIZE_MAX);
    for (size_t i = 0; i < octets.len; i++)
        number = number << 8 | octets.data[i];
    *id = span_of(arena_printf(a, "%llu", (unsigned long long)number));
    return ERR_OK;
}

/* A SEQUENCE that begins with a string. */
static enum err read_managed(struct span value, struct span *id, struct err_info *why)
{
    struct der_reader r = der_read_start(value, 2);
    uint8_t tag = 0;

    der_read_enter(&r, DER_SEQUENCE);
    struct span text = der_read_tlv(&r, &tag);
    if (tag != DER_UTF8_STRING && tag != DER_PRINTABLE_STRING && tag != DER_IA5_STRING)
        der_read_fail(&r, "no string begins it");
    while (der_read_more(&r))
        (void)der_read_tlv(&r, NULL);
    der_read_leave(&r);
    TRY(der_read_finish(&r, ERR_MALFORMED, "the managed device's extension", why));
    *id = text;
    return ERR_OK;
}

enum err step_identity_read(struct arena *a, const struct attest_certificate *certificate,
                            struct span *id, struct err_info *why)
{
    struct span value;

    *id = span_make(NULL, 0);
    if (attest_certificate_find(certificate, span_make(serial, sizeof serial), &value))
        return read_serial(a, value, id, why);
    if (attest_certificate_find(certificate, span_make(managed, sizeof managed), &value))
        return read_managed(value, id, why);
    return ERR_OK;
}

bool step_identity_is_attestation(const struct attest_certificate *certificate)
{
    for (size_t i = 0; i < certificate->extension_count; i++) {
        struct span oid = certificate->extensions[i].id;
        if (span_equal(span_slice(oid, 0, sizeof piv), span_make(piv, sizeof piv)) ||
            span_equal(oid, span_make(managed, sizeof managed)))
            return true;
    }
    return false;
}
