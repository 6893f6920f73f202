/* Tables for the keys of accounts that ask often: see key_expect_many(). */
#include "core/base/clock.h"
#include "server/exchange/account_cache_private.h"

#define TABLE_IDLE_US                                                                    \
    (10 * 60 * INT64_C(1000000)) /* then another account may have it                     \
                                  */
#define TABLE_NOTED 64           /* requests between two notes that it is used */
#define TABLE_REST  4            /* times the CPU that a table took, none is made */

/* With the lock held. Whoever has the table still and does not use it is forgotten, so
 * that it goes when the last reference does. */
static struct table_holder *free_place(struct account_cache *cache, int64_t now)
{
    for (size_t i = 0; i < cache->tables; i++) {
        struct table_holder *h = &cache->holders[i];
        struct account_entry *e = account_cache_find(cache, h->id);
        if (e == NULL || !atomic_load(&e->has_table))
            return h;
        if (now - h->used_us > TABLE_IDLE_US) {
            account_cache_drop(cache, h->id);
            return h;
        }
    }
    return NULL;
}

static void note_use(struct account_cache *cache, int64_t id)
{
    int64_t now = clock_monotonic_us();

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < cache->tables; i++)
        if (cache->holders[i].id == id)
            cache->holders[i].used_us = now;
    pthread_mutex_unlock(&cache->lock);
}

/* Many accounts may become busy in the same second: one table at a time, with pauses. */
static void *make_table(void *argument)
{
    struct account_cache *cache = argument;
    struct account_entry *e = cache->made_of; /* set before this thread began */
    int64_t begun = clock_thread_us();

    key_expect_many(e->account.key);
    /* not of the time by the wall: where all want the core it is many times that, and
     * tables that would relieve it would come late */
    int64_t rest = TABLE_REST * (clock_thread_us() - begun);
    atomic_store(&cache->rest_until_us, clock_monotonic_us() + rest);
    pthread_mutex_lock(&cache->lock);
    cache->made_of = NULL;
    pthread_mutex_unlock(&cache->lock);
    account_cache_release(e);
    return NULL;
}

/* With the lock held. */
static bool start_maker(struct account_cache *cache, struct account_entry *e)
{
    if (cache->maker_started)
        (void)pthread_join(cache->maker, NULL); /* it is over, but for its last lines */
    cache->made_of = e;
    cache->maker_started = pthread_create(&cache->maker, NULL, make_table, cache) == 0;
    if (cache->maker_started)
        atomic_fetch_add(&e->references, 1);
    else
        cache->made_of = NULL;
    return cache->maker_started;
}

/* With the lock held: have a table made, if the entry may have one. */
static void give_table(struct account_cache *cache, struct account_entry *e, int64_t now)
{
    if (cache->made_of != NULL || atomic_load(&e->has_table) ||
        account_cache_find(cache, e->account.id) != e)
        return;
    struct table_holder *place = free_place(cache, now);
    if (place == NULL || !start_maker(cache, e)) {
        atomic_store(&e->verified, 0); /* it may ask again after as many more */
        return;
    }
    for (size_t i = 0; i < cache->tables; i++)
        if (cache->holders[i].id == e->account.id)
            cache->holders[i].id = 0; /* of an earlier entry of the account */
    place->id = e->account.id;
    place->used_us = now;
    atomic_store(&e->has_table, true);
}

void account_cache_table_end(struct account_cache *cache)
{
    if (cache->maker_started)
        (void)pthread_join(cache->maker, NULL);
}

void account_cache_verified(struct account_cache *cache, const struct account *account)
{
    struct account_entry *e = (struct account_entry *)(uintptr_t)account;

    if (key_type(account->key) != KEY_P256)
        return;
    unsigned int count = atomic_fetch_add(&e->verified, 1) + 1;
    if (count < ACCOUNT_CACHE_OFTEN)
        return;
    if (atomic_load(&e->has_table)) {
        if (count % TABLE_NOTED == 0)
            note_use(cache, e->account.id);
        return;
    }
    int64_t now = clock_monotonic_us();
    if (now < atomic_load(&cache->rest_until_us))
        return;
    pthread_mutex_lock(&cache->lock);
    give_table(cache, e, now);
    pthread_mutex_unlock(&cache->lock);
}
