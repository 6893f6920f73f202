/* What a certificate says of its subject as a CA, judged. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/x509/certificate.h"
#include "core/x509/name_constraints.h"

#define CERTIFICATE_KEY_ID_MAX 32 /* octets */

/* Bits of a KeyUsage, as der_read_named_bits numbers them (RFC 5280 4.2.1.3). */
#define CERTIFICATE_MAY_SIGN_CERTIFICATES (1U << 5)
#define CERTIFICATE_MAY_SIGN_LISTS        (1U << 6)

/* Is it the certificate of a CA that can work: cA, keyCertSign and cRLSign (or no key
 * usage at all), a subject and a subject key identifier, readable name constraints?
 * ERR_UNAUTHORIZED with what is missing. */
MUST_CHECK enum err certificate_authority_check(struct arena *a,
                                                const struct certificate *certificate,
                                                struct err_info *why);

/* Does that public key's owner have signed it? ERR_UNAUTHORIZED. */
MUST_CHECK enum err certificate_authority_signed(const struct certificate *certificate,
                                                 struct span spki, struct err_info *why);

/* Does `roots` (PEM) vouch for chain[0], the certificate of a CA, by way of the rest, at
 * the time `now`? By OpenSSL. ERR_UNAUTHORIZED with its reason. */
MUST_CHECK enum err certificate_authority_chain(const struct span *chain, size_t count,
                                                struct span roots, int64_t now,
                                                struct err_info *why);

/* Its name constraints; empty ones if it has none. ERR_MALFORMED. */
MUST_CHECK enum err
certificate_authority_constraints(struct arena *a, const struct certificate *certificate,
                                  struct name_constraints *constraints,
                                  struct err_info *why);

/* May certificates below it be for that purpose (content octets of an extended key
 * usage)? Yes if it has no extended key usage, or anyExtendedKeyUsage in it. */
bool certificate_authority_allows(const struct certificate *certificate,
                                  struct span usage);
