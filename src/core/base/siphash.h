/* SipHash-2-4 (Aumasson, Bernstein 2012): a hash for tables whose keys strangers choose.
 * Without the secret nobody can make many keys that meet in one place. */
#pragma once

#include <stdint.h>

#include "core/base/span.h"

#define SIPHASH_KEY_SIZE 16 /* octets */

/* The hash of `s` under the key of SIPHASH_KEY_SIZE octets. */
uint64_t siphash_make(const uint8_t *key, struct span s);
