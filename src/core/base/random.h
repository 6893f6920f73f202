/* Randomness from the kernel (RFC 4086). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fill with `size` octets of cryptographic quality. Cannot fail: a kernel without
 * randomness ends the process. */
void random_fill(void *data, size_t size);

/* A number from 0 to bound - 1, evenly distributed; bound > 0. */
uint64_t random_below(uint64_t bound);
