/* Does a certificate answer a tls-alpn-01 challenge (RFC 8737 3, RFC 8738 6)? */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/hash.h"
#include "core/net/address.h"
#include "core/x509/alpn_certificate.h"

#define ALPN_PROOF_NAMES_SHOWN 5  /* names of a certificate in a sentence */
#define ALPN_PROOF_NAME_SHOWN  64 /* octets of each */

/* What a certificate must say. */
struct alpn_proof {
    const char *name;                 /* DNS name; NULL: an address */
    struct address address;           /* if there is no name */
    uint8_t digest[HASH_SHA256_SIZE]; /* of the key authorization */
};

/* What is expected for that identifier, a DNS name or an address in its canonical form,
 * which must live as long. */
struct alpn_proof alpn_proof_of(const char *identifier, const char *key_authorization);

/* What is asked for by SNI: the name, or the reverse name of the address (RFC 8738 6).
 * Lives as long as the arena and the proof. */
const char *alpn_proof_server_name(struct arena *a, const struct alpn_proof *proof);

/* One name of a certificate, safe to print, at most `most` octets of it; in the arena. */
const char *alpn_proof_name_shown(struct arena *a,
                                  const struct alpn_certificate_name *name, size_t most);

/* Judge. ERR_OK or ERR_UNAUTHORIZED with what was seen and what is expected, a phrase
 * that begins with "the certificate". */
MUST_CHECK enum err alpn_proof_check(const struct alpn_proof *proof,
                                     const struct alpn_certificate *c,
                                     struct err_info *why);
