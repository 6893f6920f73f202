/* Housekeeping: orders and authorizations that have been over for long are removed, and
 * what is in no revocation list any more, some rows at a time, in the shared transaction
 * like any other change.
 *
 * A round walks the tables by id, from their beginning to what is too young to be over.
 * Where it stands is kept, so that a restart goes on from there. What stays for good:
 * accounts, issuances with their serials, certificates, revocations, blocked keys; and
 * the newest row of either table, so that no number is ever given twice. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/store/store.h"

/* Clocks go wrong. What is removed is gone, so housekeeping has a clock of its own: never
 * ahead of the wall clock, and so many times as fast as time really passes at most. After
 * a jump of 90 days it is a day and a half behind, after one of ten years two months. */
#define STORE_SWEEP_HASTE 60

/* An entry of a revocation list goes so long (seconds) after its certificate's end; by
 * then each of its lists must have been made once more after that time, and so be one
 * that has it no longer (RFC 5280 3.3): more than twice `crl.interval`. */
#define STORE_SWEEP_LISTED (9 * 86400)

/* Where among such entries. */
struct store_sweep_listed {
    uint8_t issuer[STORE_HASH_SIZE];
    size_t issuer_len;
    int64_t shard;
    int64_t issuance_id;
    bool over; /* all were looked at in this round */
};

/* Where a round stands; kept by the caller between steps, and by the store but for
 * `listed`, which begins anew. */
struct store_sweep {
    int64_t clock;  /* seconds: the time that housekeeping goes by */
    int64_t orders; /* ids up to these were looked at in this round */
    int64_t authzs;
    struct store_sweep_listed listed;
};

struct store_sweep_limits {
    int64_t order_retention; /* seconds behind the end of an order and its certificate */
    int64_t authz_retention; /* seconds behind the end of an authorization */
    size_t rows;             /* of each table looked at in one step, at most */
};

/* What one step came to. */
struct store_sweep_result {
    size_t orders; /* removed */
    size_t authzs;
    size_t listed; /* entries of revocation lists */
    bool round_over;
};

/* Where an earlier process left off; its clock is the time of the newest order if there
 * was none. */
MUST_CHECK enum err store_sweep_load(struct store_session *s, struct store_sweep *sweep,
                                     struct err_info *why);

/* Set the clock after `elapsed` seconds of real time, by the wall clock. */
void store_sweep_tick(struct store_sweep *sweep, int64_t elapsed, int64_t wall);

/* One step of a round; `sweep` is moved, and kept if something was removed or the round
 * is over. Removed are orders that ended longer ago than their retention, have nothing
 * being signed, and whose certificates, if any, ended so long ago too; and authorizations
 * that expired longer ago than theirs and are not being checked. An order whose
 * authorizations are gone shows them as expired; with it goes what CAA looked like
 * (store_caa.h). And entries of revocation lists that are in none any more; the
 * revocations themselves stay. */
MUST_CHECK enum err store_sweep_step(struct store_session *s, struct store_sweep *sweep,
                                     const struct store_sweep_limits *limits,
                                     struct store_sweep_result *result,
                                     struct err_info *why);
