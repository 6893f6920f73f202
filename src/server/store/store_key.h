/* Keys that are blocked: never certified, and no account's. */
#pragma once

#include "server/store/store.h"

struct store_blocked_key {
    uint8_t hash[STORE_HASH_SIZE]; /* SHA-256 of the SubjectPublicKeyInfo */
    int64_t since;                 /* seconds */
    const char *reason; /* "": a certificate for it was revoked as compromised */
};

/* Block a key. ERR_CONFLICT if it is blocked already. */
MUST_CHECK enum err store_key_add(struct store_session *s,
                                  const struct store_blocked_key *key,
                                  struct err_info *why);

/* Block it no more; `was` says what was noted of it. ERR_NOT_FOUND if it is not blocked.
 */
MUST_CHECK enum err store_key_remove(struct store_session *s, struct arena *a,
                                     const uint8_t hash[STORE_HASH_SIZE],
                                     struct store_blocked_key *was, struct err_info *why);

/* Blocked keys by their hashes, those behind `after`, at most `max`. */
MUST_CHECK enum err store_key_list(struct store_session *s, struct arena *a,
                                   const uint8_t after[STORE_HASH_SIZE], size_t max,
                                   struct store_blocked_key **keys, size_t *count,
                                   struct err_info *why);
