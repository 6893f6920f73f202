/* Which key a certificate gets: the one it had, the one made in advance, or a new one. */
#pragma once

#include "client/work/issuing.h"
#include "core/crypto/key.h"

/* A private key of that type, as the settings say: with reuse_key that of the version in
 * force, with next_key the one made in advance, if they are there and of that type; else
 * a new one. ERR_CRYPTO, ERR_IO: there is one, and it cannot be read. */
MUST_CHECK enum err issuing_key_make(const struct issuing *i, const char *key_type,
                                     struct key **key, struct err_info *why);

/* With reuse_key, the text of the key of that type that is in the device already, as
 * key.pem has it; empty if there is none, or another device is wanted. ERR_IO. */
MUST_CHECK enum err issuing_key_kept(struct arena *a, const struct issuing *i,
                                     const char *key_type, struct span *text,
                                     struct err_info *why);

/* After a version is in force: with next_key, make the keys of the one after it, and
 * remove others that were made. ERR_IO, ERR_CRYPTO. */
MUST_CHECK enum err issuing_key_advance(const struct issuing *i, struct err_info *why);
