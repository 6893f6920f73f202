/* The certificate that answers tls-alpn-01 (RFC 8737 3; RFC 8738 6 for addresses). */
#pragma once

#include "core/acme/identifier.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/key.h"

/* Append it in DER: self-signed by the key, with the identifier as its only
 * subjectAltName, and the SHA-256 of the key authorization in a critical acmeIdentifier.
 * ERR_CRYPTO. */
MUST_CHECK enum err challenge_certificate_make(struct buf *b, const struct key *key,
                                               const struct identifier *identifier,
                                               struct span key_authorization,
                                               struct err_info *why);
