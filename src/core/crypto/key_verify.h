/* Signatures of hardware, whose scheme and hash are named apart from each other. */
#pragma once

#include "core/base/err.h"
#include "core/base/span.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"

enum key_verify_scheme {
    KEY_VERIFY_RSASSA, /* PKCS #1 v1.5 (RFC 8017 8.2) */
    KEY_VERIFY_RSAPSS, /* a salt of any length (TPMs take the longest one), MGF1 with the
                          same hash */
    KEY_VERIFY_ECDSA,  /* DER, on any curve with any hash */
};

/* Is it the key's signature of the message? ERR_UNAUTHORIZED; ERR_BAD_SIGNATURE_ALGORITHM
 * if the scheme does not fit the key. Whoever takes HASH_SHA1 here knows why. */
MUST_CHECK enum err key_verify_scheme(const struct key *k, enum key_verify_scheme scheme,
                                      enum hash_kind hash, struct span message,
                                      struct span signature, struct err_info *why);
