/* Hashes and MACs through OpenSSL, algorithms fetched once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/span.h"

#define HASH_SHA256_SIZE 32 /* octets */

/* SHA-256 of `s` into `digest` (HASH_SHA256_SIZE octets). */
void hash_sha256(struct span s, uint8_t *digest);

/* HMAC-SHA-256 (RFC 2104) of `s` under `key` into `mac` (HASH_SHA256_SIZE octets). */
void hash_hmac_sha256(struct span key, struct span s, uint8_t *mac);
