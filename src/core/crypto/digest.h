/* OpenSSL's hash algorithms, fetched once per process: looking one up by name costs more
 * than hashing a short text. Only for core/crypto and core/x509. */
#pragma once

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/span.h"

enum digest {
    DIGEST_SHA1, /* never for signatures; for key identifiers of old certificates */
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
    DIGEST_COUNT
};

#define DIGEST_MAX_SIZE 64 /* octets of the longest one */

/* The algorithm; never NULL, lives as long as the process. */
const EVP_MD *digest_algorithm(enum digest which);

/* Hash `s` into `to` (DIGEST_MAX_SIZE octets); returns how many octets it has. */
size_t digest_make(enum digest which, struct span s, uint8_t *to);
