/* How RFC 9773 4.1 names a certificate: base64url(AKI keyIdentifier) "."
 * base64url(serial), the serial as the content octets of its DER INTEGER. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define CERTIFICATE_ID_KEY_MAX    64 /* octets of a keyIdentifier: twice a SHA-256 */
#define CERTIFICATE_ID_SERIAL_MAX 20 /* octets of a serial, RFC 5280 4.1.2.2 */

/* Longest text, without a NUL: both parts and the period. */
#define CERTIFICATE_ID_TEXT_MAX 115

struct certificate_id {
    struct span key_id; /* keyIdentifier of the certificate's authorityKeyIdentifier */
    struct span serial; /* magnitude: no leading zero octets */
};

/* Read such a name; one spelling each: base64url without padding, a minimal and positive
 * INTEGER, bounded parts. The spans are in the arena. ERR_MALFORMED with what is wrong.
 */
MUST_CHECK enum err certificate_id_read(struct arena *a, struct span text,
                                        struct certificate_id *id, struct err_info *why);

/* The text, NUL-terminated, in the arena; for a serial whose first bit is set a zero
 * octet stands before it, as in DER. NULL if a part is empty or above its bound: the
 * certificate has no such name. */
char *certificate_id_text(struct arena *a, const struct certificate_id *id);
