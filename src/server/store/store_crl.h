/* Revocation lists: what stands in them, and which were made. */
#pragma once

#include "server/store/store.h"

/* How often something was revoked, or a reason changed, since the store was opened. From
 * any thread, at no cost. */
uint64_t store_crl_revoked(struct store *store);

/* One revoked certificate. */
struct store_crl_entry {
    int64_t shard;
    int64_t issuance_id;
    uint8_t serial[STORE_SERIAL_MAX];
    size_t serial_len;
    struct store_revocation revocation;
    int64_t not_after; /* seconds */
};

/* Where a walk through the entries of a list is: what is behind it comes next. */
struct store_crl_place {
    int64_t shard;
    int64_t issuance_id;
};

/* The beginning of a list: of a part, or of all of them (0). */
struct store_crl_place store_crl_start(int64_t shard);

/* The next entries, at most `max`, into `entries`, expired ones too; `place` is moved
 * behind them. None: the end. */
MUST_CHECK enum err store_crl_entries(struct store_session *s, struct span issuer,
                                      int64_t shard, struct store_crl_place *place,
                                      struct store_crl_entry *entries, size_t max,
                                      size_t *count, struct err_info *why);

/* Revocations whose issuer is not known to the store, because they are older than that
 * column: up to `max` issuances with serial, not_after and certificate. */
MUST_CHECK enum err store_crl_unlisted(struct store_session *s, struct arena *a,
                                       size_t max, struct store_issuance **rows,
                                       size_t *count, struct err_info *why);

/* Enter one of these into the list of `issuer`, or with an empty one into none. */
MUST_CHECK enum err store_crl_enter(struct store_session *s,
                                    const struct store_issuance *issuance,
                                    struct span issuer, struct err_info *why);

/* A list as it was made last. */
struct store_crl {
    uint8_t issuer[STORE_HASH_SIZE]; /* key identifier; not read by store_crl_record */
    size_t issuer_len;
    int64_t shard;
    int64_t changed;     /* grows with each revocation that concerns it */
    int64_t covers;      /* what `changed` was when it was made */
    int64_t number;      /* 0: it was never made */
    int64_t this_update; /* seconds */
    int64_t next_update;
    int64_t entries;
    uint8_t hash[STORE_HASH_SIZE]; /* SHA-256 of its DER */
};

/* All lists of an issuer (empty: of all) that were made or have entries, by part, at most
 * `max`. */
MUST_CHECK enum err store_crl_list(struct store_session *s, struct arena *a,
                                   struct span issuer, size_t max,
                                   struct store_crl **rows, size_t *count,
                                   struct err_info *why);

/* Have lists made again, those of an issuer (empty: of all) and part (-1: all); how many.
 */
MUST_CHECK enum err store_crl_renew(struct store_session *s, struct span issuer,
                                    int64_t shard, int64_t *count, struct err_info *why);

/* Record a list that was made; `changed` is left as it is. ERR_CONFLICT if its number is
 * not above the last one. */
MUST_CHECK enum err store_crl_record(struct store_session *s, struct span issuer,
                                     const struct store_crl *crl, struct err_info *why);
