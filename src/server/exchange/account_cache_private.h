/* What the files of the account cache share and nobody else sees. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/exchange/account_cache.h"

struct account_entry {
    struct account account; /* first, so that a reference leads back here */
    atomic_int references;
    atomic_uint verified;       /* requests */
    atomic_bool has_table;      /* or will; changed with the cache's lock held */
    struct arena *arena;        /* holds key and texts */
    store_ticket_number ticket; /* the batch it was read from */
    uint64_t undone;            /* batches undone when it was read */
};

/* Whose key has a table, if that account is still in the cache. */
struct table_holder {
    int64_t id;
    int64_t used_us; /* at some of its requests */
};

struct account_cache {
    pthread_mutex_t lock;
    struct table_holder holders[ACCOUNT_CACHE_TABLES];
    unsigned int tables; /* how many of them there may be */
    pthread_t maker;     /* of one table at a time */
    struct account_entry
        *made_of; /* what it makes one of; NULL: it has ended, or will at once */
    bool maker_started;
    atomic_llong rest_until_us;
    uint64_t changes; /* raised by every forget, so that a stale row is not kept */
    struct account_entry *entries[ACCOUNT_CACHE_SIZE];
};

/* A reference less: whoever has the last one frees the entry (for arena_own). NULL is
 * fine. */
void account_cache_release(void *object);

/* With the lock held: the account's entry in the cache, NULL if there is none. */
struct account_entry *account_cache_find(const struct account_cache *cache, int64_t id);

/* With the lock held: take the account out, if it is there. */
void account_cache_drop(struct account_cache *cache, int64_t id);

/* Wait until no table is being made. */
void account_cache_table_end(struct account_cache *cache);
