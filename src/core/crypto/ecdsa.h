/* The two layouts of an ECDSA signature: r and s side by side at full length (JOSE, RFC
 * 7518 3.4), and a DER SEQUENCE of two INTEGERs (X.509, RFC 3279 2.2.3). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

#define ECDSA_DER_MAX                                                                    \
    141 /* octets: two INTEGERs of 66 octets and a sign octet each (P-521) */

/* Raw to DER into `der` (ECDSA_DER_MAX octets); returns its length, 0 if `raw` has not
 * exactly two times `number_len` octets. */
size_t ecdsa_to_der(struct span raw, size_t number_len, uint8_t *der);

/* DER to raw into `raw` (two times `number_len` octets); false if it is not exact DER or
 * a number is longer. */
bool ecdsa_to_raw(struct span der, size_t number_len, uint8_t *raw);
