/* Keys as people write them: by SHA-256 of their SubjectPublicKeyInfo. */
#pragma once

#include <stdbool.h>

#include "core/base/span.h"
#include "core/crypto/hash.h"

/* A SHA-256 in hexadecimal, with or without colons, or in base64 or base64url, with or
 * without padding. False if it is none. */
bool admin_fingerprint_read(struct span text, uint8_t sha256[HASH_SHA256_SIZE]);
