/* Hashes and MACs through OpenSSL, algorithms fetched once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"

#define HASH_SHA256_SIZE 32 /* octets */
#define HASH_MAX_SIZE    64 /* octets of the longest one */

enum hash_kind {
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
    HASH_SHA1, /* this and the next: for the MACs of DNS (RFC 8945 6), and this one for
                  names of issuers and keys in OCSP (RFC 6960 4.1.1), nothing else */
    HASH_SHA224,
    HASH_KIND_COUNT,
};

/* SHA-256 of `s` into `digest` (HASH_SHA256_SIZE octets). */
void hash_sha256(struct span s, uint8_t *digest);

/* The hash of `s`, any but SHA-224, into `digest` (HASH_MAX_SIZE octets); returns how
 * many octets it has. */
size_t hash_make(enum hash_kind kind, struct span s, uint8_t *digest);

/* HMAC-SHA-256 (RFC 2104) of `s` under `key` into `mac` (HASH_SHA256_SIZE octets). */
void hash_hmac_sha256(struct span key, struct span s, uint8_t *mac);

/* HMAC (RFC 2104) with that hash, into `mac` (HASH_MAX_SIZE octets); returns how many
 * octets it has. */
size_t hash_hmac(enum hash_kind kind, struct span key, struct span s, uint8_t *mac);
