/* Keys as options of commands name them. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/hash.h"

#define FINGERPRINT_FILE_MAX (256 * 1024) /* octets */

/* SHA-256 of the SubjectPublicKeyInfo of a key: the words are that hash
 * (admin_fingerprint.h), or the name of a file with the key or a certificate of it, PEM
 * or DER. ERR_USAGE, and what is wrong with the file. */
MUST_CHECK enum err fingerprint_find(struct arena *a, const char *words,
                                     uint8_t sha256[HASH_SHA256_SIZE],
                                     struct err_info *why);
