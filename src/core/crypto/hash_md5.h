/* MD5 (RFC 1321), for names that other programs make with it; it protects nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

#define HASH_MD5_SIZE 16 /* octets */

/* MD5 of `s` into `digest`. False where OpenSSL is told not to have it. */
bool hash_md5(struct span s, uint8_t digest[HASH_MD5_SIZE]);
