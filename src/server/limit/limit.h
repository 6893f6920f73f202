/* Rate limits: buckets in memory, one number each (gcra.h), found by what is counted and
 * for whom.
 *
 * Look-ups touch memory only. Buckets that are far from empty are written to the store
 * now and then and at the end, and read at the start (limit_persist.h): a process that is
 * killed forgives what was spent in the last seconds.
 *
 * Any thread may call anything here. Buckets are spread over shards, each with a lock; a
 * request takes the locks of all its buckets, so that of many at once exactly as many
 * pass as may. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "server/settings/rate.h"
#include "server/store/store_limit.h"

#define LIMIT_BUCKETS_MAX                                                                \
    262144 /* in memory, some 25 MB; one more takes the place of one that is over, or    \
              else of one among a few that is over soonest: nobody is refused for it */
#define LIMIT_OVERRIDES_MAX 10000
#define LIMIT_KEY_MAX       STORE_LIMIT_KEY_MAX /* octets; longer keys are cut */

struct limit;

/* No limit at all, until limit_configure. Free with limit_free. */
struct limit *limit_new(void);
void limit_free(struct limit *l);

/* The rates from now on; of each bucket as much is spent as before. */
void limit_configure(struct limit *l, const struct rate rates[RATE_KINDS]);

/* Microseconds of the wall clock, as all functions here take them. */
int64_t limit_now_us(void);

/* Can buckets of that kind refuse anything? If not, nobody needs to make a key. */
bool limit_is_on(const struct limit *l, enum rate_kind kind);

/* One bucket of a request. */
struct limit_use {
    enum rate_kind kind;
    const char *key;
    const char *shown;       /* instead of the key in the sentence, or NULL */
    bool look_only;          /* it must not be used up, but nothing is spent */
    const struct rate *rate; /* unless it has one of its own; NULL: the configured one */
};

/* Spend one of each bucket, or of none: ERR_RATE_LIMITED with a sentence that names the
 * limit that lasts longest, and when all will have room (retry_after_seconds). A bucket
 * stands in the list once. */
MUST_CHECK enum err limit_spend(struct limit *l, struct arena *a,
                                const struct limit_use *uses, size_t count,
                                int64_t now_us, struct err_info *why);

/* The request failed for another reason: give back what was spent. */
void limit_refund(struct limit *l, const struct limit_use *uses, size_t count,
                  int64_t now_us);

/* Spend one also where there is none left. True if the bucket is used up now. */
bool limit_charge(struct limit *l, const struct limit_use *use, int64_t now_us);

/* Empty a bucket; false if it was. */
bool limit_reset(struct limit *l, enum rate_kind kind, const char *key);

/* What there is to say of a bucket; `rate` as in struct limit_use. */
struct limit_bucket_state {
    struct rate rate; /* in force */
    bool overridden;
    int64_t left;   /* may pass at once; 0 for a rate that is off */
    int64_t new_us; /* when it will be as new, 0: it is */
};
void limit_look(struct limit *l, enum rate_kind kind, const char *key,
                const struct rate *rate, int64_t now_us,
                struct limit_bucket_state *state);

/* How many buckets of the kind are in memory, and how many of them are used up by
 * the rates that are known here (not those of struct limit_use). */
void limit_count(struct limit *l, enum rate_kind kind, int64_t now_us, size_t *buckets,
                 size_t *used_up);

/* The configured rate of a kind. */
struct rate limit_rate(struct limit *l, enum rate_kind kind);

/* Let one bucket have its own rate ("off": no limit), or the one it has otherwise again
 * (NULL): `base`, or the configured one (NULL). As much of it is spent as before. */
void limit_override(struct limit *l, enum rate_kind kind, const char *key,
                    const struct rate *base, const struct rate *rate);
