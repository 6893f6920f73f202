/* Issuances as an administrator looks for them: all that were begun, whatever became of
 * them, since what was given up may have been signed all the same. */
#pragma once

#include "server/store/store.h"

#define STORE_SEARCH_SPAN 500 /* ids looked at in one step: others wait meanwhile */

/* An issuance with its to-be-signed octets, without its certificate; its profile is that
 * of its order if it has none. */
struct store_found {
    struct store_issuance issuance;
    struct store_revocation revocation;
};

/* Which; 0 is any. */
struct store_search {
    int64_t account_id;
    int64_t begun_from;   /* seconds */
    int64_t begun_before; /* seconds */
    int64_t incident_id;  /* those whose serials were added to that incident */
};

/* The id of the newest issuance, 0 if there is none. */
MUST_CHECK enum err store_search_newest(struct store_session *s, int64_t *id,
                                        struct err_info *why);

/* Those with ids above `after` and up to `last`, which is at most STORE_SEARCH_SPAN more,
 * by id. */
MUST_CHECK enum err store_search_range(struct store_session *s, struct arena *a,
                                       const struct store_search *search, int64_t after,
                                       int64_t last, struct store_found **rows,
                                       size_t *count, struct err_info *why);

/* Those for the key with that SHA-256 of its SubjectPublicKeyInfo and ids above `after`,
 * by id, at most `max`. */
MUST_CHECK enum err store_search_key(struct store_session *s, struct arena *a,
                                     const uint8_t key_hash[STORE_HASH_SIZE],
                                     int64_t after, size_t max, struct store_found **rows,
                                     size_t *count, struct err_info *why);

/* ERR_NOT_FOUND. */
MUST_CHECK enum err store_search_serial(struct store_session *s, struct arena *a,
                                        struct span serial, struct store_found **row,
                                        struct err_info *why);
