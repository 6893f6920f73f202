/* The part of verifying with P-256 that is about numbers only. Only for core/crypto. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

#define ECDSA_P256_NUMBER_LEN 32 /* octets of a P-256 scalar */

/* The factors of the curve's point and of the key's, hash / s and r / s modulo the order
 * (FIPS 186-5 6.4.2, steps 3 to 5), big-endian. Of a hash longer than the order its
 * leftmost octets count. `r` and `s` have ECDSA_P256_NUMBER_LEN octets; false if one of
 * them is not in 1..order-1. Takes no secrets: its time tells the numbers. */
bool ecdsa_factors(struct span hash, const uint8_t *r, const uint8_t *s,
                   uint8_t of_curve[ECDSA_P256_NUMBER_LEN],
                   uint8_t of_key[ECDSA_P256_NUMBER_LEN]);
