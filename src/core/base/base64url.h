/* Base64url without padding, RFC 4648 section 5 as RFC 7515 section 2 uses it; and plain
 * base64 for PEM. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/span.h"

/* Characters that `len` octets make, without a NUL. */
#define BASE64URL_SIZE(len) (((len)*4 + 2) / 3)

/* Append the encoding of `s`, unpadded. */
void base64url_add(struct buf *b, struct span s);

/* The encoding of `s` as a NUL-terminated string in the arena. */
char *base64url_string(struct arena *a, struct span s);

/* Strict decoding: alphabet of base64url only, no padding, no white space, length not 1
 * mod 4, trailing bits zero (RFC 8555 6.1, RFC 4648 3.5). False if any is broken. The
 * octets are in the arena. */
bool base64url_decode(struct arena *a, struct span text, struct span *octets);

/* As base64url_decode, but '=' at the end is passed over: for CSR fields of lenient
 * clients. */
bool base64url_decode_padded(struct arena *a, struct span text, struct span *octets);
