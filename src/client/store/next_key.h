/* The keys of the next version, made in advance so that TLSA records of them can be
 * published before they are used (RFC 7671 8.1): certificates/NAME/next.key.pem, of
 * further types next.TYPE.key.pem, mode 0600. */
#pragma once

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/crypto/key.h"

/* Where that of a type is; of the first type with "". */
char *next_key_path(struct arena *a, const char *directory, const char *name,
                    const char *key_type);

/* Read a key file, in the state folder; free it with key_free. ERR_NOT_FOUND: there is
 * none; ERR_CRYPTO: it is none; ERR_IO. */
MUST_CHECK enum err next_key_read(const char *path, struct key **key,
                                  struct err_info *why);

/* Write it, in place of the one there, and of what was killed while it wrote one left;
 * the lock of the certificate must be held. ERR_IO. */
MUST_CHECK enum err next_key_write(const char *path, const struct key *key,
                                   struct err_info *why);

/* Remove it and what is left of others, if there is anything; with that lock, too. */
void next_key_drop(const char *path);
