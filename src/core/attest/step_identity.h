/* What the attestation certificate of a token says that it is (format "step"). */
#pragma once

#include "core/attest/attest_certificate.h"

/* The token's serial number in decimal (1.3.6.1.4.1.41482.3.7, an INTEGER) or, if there
 * is none, the id of the managed device (1.3.6.1.4.1.37476.9000.64.4, a SEQUENCE that
 * begins with a string), in the arena; `data` is NULL if it has neither. ERR_MALFORMED.
 */
MUST_CHECK enum err step_identity_read(struct arena *a,
                                       const struct attest_certificate *certificate,
                                       struct span *id, struct err_info *why);

/* Does it speak of a token's key at all: has it an extension below 1.3.6.1.4.1.41482.3,
 * or that of managed devices? */
bool step_identity_is_attestation(const struct attest_certificate *certificate);
