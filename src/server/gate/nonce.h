/* Anti-replay nonces (RFC 8555 6.5): numbered, dated and sealed, so that nothing is kept
 * for a nonce until it is used, and used ones are one bit each in a mapped file. A
 * restart of the process, also by kill -9, loses nothing; after a power loss (another
 * boot without a clean close) all older nonces are refused, because their bits may not
 * have reached the disk. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"

#define NONCE_LIFETIME_SECONDS 3600
#define NONCE_TEXT_SIZE        33 /* 24 octets in base64url, and a NUL */

struct nonce_jar;

/* Open or make the file at `path` (mode 0600); it holds the sealing key too. ERR_IO. */
MUST_CHECK enum err nonce_jar_open(const char *path, struct nonce_jar **jar,
                                   struct err_info *why);

/* Mark it clean and close. NULL is fine. */
void nonce_jar_close(struct nonce_jar *jar);

/* A fresh nonce; any thread. ERR_UNAVAILABLE if this minute's are used up (some four
 * million). */
MUST_CHECK enum err nonce_give(struct nonce_jar *jar, char text[NONCE_TEXT_SIZE],
                               struct err_info *why);

/* Use a nonce up: exactly one caller ever gets ERR_OK for it. ERR_BAD_NONCE: not ours,
 * too old, used before. */
MUST_CHECK enum err nonce_take(struct nonce_jar *jar, struct arena *a, const char *text,
                               struct err_info *why);
