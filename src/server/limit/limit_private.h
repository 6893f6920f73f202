/* Inside the limits: shards and their buckets. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/siphash.h"
#include "server/limit/limit.h"

#define LIMIT_SHARDS          16   /* a power of two, at most the bits of a mask */
#define LIMIT_CHAINS          4096 /* of a shard; a power of two */
#define LIMIT_OVERRIDE_CHAINS 256  /* of a shard; a power of two */
#define LIMIT_PAUSE_CHAINS    4096 /* a power of two */

struct limit_pause;
struct psl_ctx_st;

struct limit_bucket {
    struct limit_bucket *next;
    uint64_t hash;
    int64_t tat_us;
    int64_t stored_us; /* what the store has, 0: nothing */
    enum rate_kind kind;
    bool dirty; /* changed since it was last looked at for the store */
    size_t key_len;
    char key[]; /* NUL-terminated */
};

struct limit_own_rate {
    struct limit_own_rate *next;
    uint64_t hash;
    enum rate_kind kind;
    struct rate rate;
    size_t key_len;
    char key[];
};

struct limit_shard {
    pthread_mutex_t lock;
    size_t count;
    size_t hand; /* the chain that is looked through next for what is over */
    struct limit_bucket *chains[LIMIT_CHAINS];
    size_t own_rate_count;
    struct limit_own_rate *own_rates[LIMIT_OVERRIDE_CHAINS];
};

struct limit {
    uint8_t hash_key[SIPHASH_KEY_SIZE];
    struct rate rates[RATE_KINDS]; /* written with all locks held, read with any */
    atomic_bool on[RATE_KINDS];    /* by the configuration */
    atomic_int own_rates[RATE_KINDS];
    atomic_ulong evicted; /* buckets that had to make room */
    unsigned long evicted_told;
    pthread_mutex_t persist_lock; /* one writes to the store at a time */
    size_t persist_shard;         /* where it goes on */
    size_t persist_chain;
    int64_t cleared_us; /* when the store was last rid of what is over */
    pthread_mutex_t pause_lock;
    atomic_long pause_count;
    struct limit_pause *pauses[LIMIT_PAUSE_CHAINS];
    struct psl_ctx_st *suffixes; /* NULL: those built into libpsl */
    struct limit_shard shards[LIMIT_SHARDS];
};

/* What a bucket is found by. */
struct limit_place {
    enum rate_kind kind;
    const char *key;
    size_t key_len;
    uint64_t hash;
    unsigned int shard;
};

/* Where the bucket belongs. Points to `key`. */
struct limit_place limit_table_place(const struct limit *l, enum rate_kind kind,
                                     const char *key);

/* The bucket, or NULL. With the shard's lock held, as for the others below. */
struct limit_bucket *limit_table_find(struct limit_shard *shard,
                                      const struct limit_place *place);

/* The bucket, made if it is not there. Others that are over are dropped meanwhile, and
 * one more if there are too many: pointers to buckets of the shard are void. */
struct limit_bucket *limit_table_make(struct limit *l, struct limit_shard *shard,
                                      const struct limit_place *place, int64_t now_us);

/* Drop the buckets of one chain that are over and need not be written. */
void limit_table_sweep(struct limit_shard *shard, size_t chain, int64_t now_us);

/* The rate that counts for a place; NULL if the place has no rate of its own. */
struct limit_own_rate *limit_table_own_rate(struct limit_shard *shard,
                                            const struct limit_place *place);

/* Set or (NULL) remove a rate of its own; +1, -1 or 0: how many more there are. */
int limit_table_set_own_rate(struct limit_shard *shard, const struct limit_place *place,
                             const struct rate *rate);

/* Free all buckets and rates of a shard. */
void limit_table_free(struct limit_shard *shard);

/* What the other files hold. */
void limit_pause_free(struct limit *l);
void limit_domain_free(struct limit *l);
