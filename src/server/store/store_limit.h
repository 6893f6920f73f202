/* What the store keeps of rate limits: buckets that are far from empty, rates of some
 * buckets of their own, identifiers that are paused, sets of identifiers that have
 * certificates. The rules of store.h hold here too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/store.h"

#define STORE_LIMIT_KEY_MAX 320 /* octets of a bucket's key */

/* A bucket: what is counted and for whom, and its theoretical arrival time. */
struct store_limit_bucket {
    const char *kind; /* a word of limits.def */
    const char *key;
    int64_t tat_us; /* microseconds since 1970; 0: forget the bucket */
};

/* Write so many buckets, in one change. */
MUST_CHECK enum err store_limit_buckets_put(struct store_session *s,
                                            const struct store_limit_bucket *buckets,
                                            size_t count, struct err_info *why);

/* The buckets whose time is after `now_us`, latest first, at most `max`. */
MUST_CHECK enum err store_limit_buckets(struct store_session *s, struct arena *a,
                                        int64_t now_us, size_t max,
                                        struct store_limit_bucket **rows, size_t *count,
                                        struct err_info *why);

/* Remove at most `max` buckets whose time is not after `now_us`, and at most `max` sets
 * whose certificates have ended; how many both were. */
MUST_CHECK enum err store_limit_clear(struct store_session *s, int64_t now_us, size_t max,
                                      size_t *removed, struct err_info *why);

/* A rate that one bucket has instead of the configured one. */
struct store_limit_override {
    const char *kind;
    const char *key;
    const char *rate; /* as in the configuration */
};

/* Set an override, or remove it (rate NULL; ERR_NOT_FOUND if there is none).
 * ERR_CONFLICT if there are `max` others already. */
MUST_CHECK enum err store_limit_override_set(struct store_session *s,
                                             const struct store_limit_override *override,
                                             size_t max, struct err_info *why);

/* All overrides by kind and key, at most `max`. */
MUST_CHECK enum err store_limit_overrides(struct store_session *s, struct arena *a,
                                          size_t max, struct store_limit_override **rows,
                                          size_t *count, struct err_info *why);

/* An identifier that is paused for an account. */
struct store_limit_pause {
    int64_t account_id;
    const char *identifier; /* canonical text, without "*." */
    int64_t since;          /* seconds */
    const char *reason;     /* a sentence for a person */
};

/* Pause; ERR_CONFLICT if it is paused already or `max` others are. */
MUST_CHECK enum err store_limit_pause_add(struct store_session *s,
                                          const struct store_limit_pause *pause,
                                          size_t max, struct err_info *why);

/* End a pause; ERR_NOT_FOUND. */
MUST_CHECK enum err store_limit_pause_remove(struct store_session *s, int64_t account_id,
                                             const char *identifier,
                                             struct err_info *why);

/* All pauses by account and identifier, at most `max`. */
MUST_CHECK enum err store_limit_pauses(struct store_session *s, struct arena *a,
                                       size_t max, struct store_limit_pause **rows,
                                       size_t *count, struct err_info *why);

/* Note that a certificate for the set with this hash is valid until `not_after`
 * (seconds); an earlier time changes nothing. */
MUST_CHECK enum err store_limit_set_put(struct store_session *s,
                                        const uint8_t hash[STORE_HASH_SIZE],
                                        int64_t not_after, struct err_info *why);

/* Until when the set has a valid certificate (seconds), 0 if none is known. */
MUST_CHECK enum err store_limit_set_get(struct store_session *s,
                                        const uint8_t hash[STORE_HASH_SIZE],
                                        int64_t *not_after, struct err_info *why);
