/* Accounts in memory: one entry for each place of a table, counted references. */
#include "server/exchange/account_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/jose/jwk.h"

#define TABLE_IDLE_US (10 * 60 * INT64_C(1000000)) /* then another account may have one  \
                                                    */

struct entry {
    struct account account; /* first, so that a reference leads back here */
    atomic_int references;
    atomic_uint verified;       /* requests */
    bool has_table;             /* guarded by the cache's lock */
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
    uint64_t changes; /* raised by every forget, so that a stale row is not kept */
    struct entry *entries[ACCOUNT_CACHE_SIZE];
};

static void release(void *object)
{
    struct entry *e = object;

    if (e != NULL && atomic_fetch_sub(&e->references, 1) == 1) {
        arena_free(e->arena);
        free(e);
    }
}

struct account_cache *account_cache_new(void)
{
    struct account_cache *cache = memory_get_zeroed(1, sizeof *cache);

    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void account_cache_free(struct account_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < ACCOUNT_CACHE_SIZE; i++)
        release(cache->entries[i]);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* What the key it was bound with allows; an account without one costs nothing. */
static enum err load_external(struct store_session *session, struct arena *a,
                              const struct store_account *row,
                              const struct external_policy **policy, struct err_info *why)
{
    struct store_external_key *key = NULL;

    *policy = NULL;
    if (row->external_key == 0)
        return ERR_OK;
    enum err result = store_external_by_id(session, a, row->external_key, &key, why);
    if (result == ERR_NOT_FOUND)
        return err_set(why, ERR_STORE, "the external key of account %lld is lost",
                       (long long)row->id);
    TRY(result);
    return external_policy_read(a, key->id, key->kid, key->policy, policy, why);
}

static enum err load(struct store_session *session, int64_t id, struct entry **loaded,
                     struct err_info *why)
{
    struct arena *a = arena_new();
    struct store_account *row;
    const struct json *jwk;
    const struct external_policy *external = NULL;
    struct key *key;

    enum err result = store_account_by_id(session, a, id, &row, why);
    if (result == ERR_NOT_FOUND)
        result = err_set(why, ERR_ACCOUNT_DOES_NOT_EXIST, "there is no account %lld",
                         (long long)id);
    if (result == ERR_OK)
        result = json_read(a, span_of(row->jwk), &jwk, why);
    if (result == ERR_OK)
        result = jwk_read(a, jwk, &key, why);
    if (result == ERR_OK)
        result = load_external(session, a, row, &external, why);
    if (result != ERR_OK) {
        arena_free(a);
        return result;
    }
    struct entry *e = memory_get_zeroed(1, sizeof *e);
    e->arena = a;
    atomic_store(&e->references, 1);
    e->account.id = row->id;
    e->account.directory = row->directory;
    memcpy(e->account.thumbprint, row->thumbprint, STORE_THUMBPRINT_SIZE);
    e->account.status = row->status;
    e->account.terms_agreed = row->terms_agreed;
    e->account.terms = row->terms;
    e->account.key = key;
    e->account.contacts = row->contacts;
    e->account.created = row->created;
    e->account.external = external;
    *loaded = e;
    return ERR_OK;
}

enum err account_cache_get(struct account_cache *cache, struct store_session *session,
                           struct arena *a, int64_t id, const struct account **account,
                           struct err_info *why)
{
    struct entry **place = &cache->entries[(uint64_t)id % ACCOUNT_CACHE_SIZE];
    struct entry *e;

    /* a batch that could not be written takes back what was read from it, and the next
     * account gets the same number */
    uint64_t undone = store_session_undone(session);

    pthread_mutex_lock(&cache->lock);
    uint64_t changes = cache->changes;
    e = *place;
    if (e != NULL && e->account.id == id && e->undone == undone)
        atomic_fetch_add(&e->references, 1);
    else
        e = NULL;
    pthread_mutex_unlock(&cache->lock);
    if (e != NULL) {
        store_session_depend(session, e->ticket);
    } else {
        TRY(load(session, id, &e, why));
        e->ticket = store_session_ticket(session);
        e->undone = undone;
        pthread_mutex_lock(&cache->lock);
        if (cache->changes == changes) {
            atomic_fetch_add(&e->references, 1);
            struct entry *old = *place;
            *place = e;
            release(old);
        }
        pthread_mutex_unlock(&cache->lock);
    }
    (void)arena_own(a, e, release);
    *account = &e->account;
    return ERR_OK;
}

/* With the lock held: the entry in the cache, NULL if there is none. */
static struct entry *find(const struct account_cache *cache, int64_t id)
{
    struct entry *e = cache->entries[(uint64_t)id % ACCOUNT_CACHE_SIZE];

    return e != NULL && e->account.id == id ? e : NULL;
}

/* With the lock held. Whoever has the table still and does not use it is forgotten, so
 * that it goes when the last reference does. */
static struct table_holder *free_place(struct account_cache *cache, int64_t now)
{
    for (size_t i = 0; i < ACCOUNT_CACHE_TABLES; i++) {
        struct table_holder *h = &cache->holders[i];
        struct entry *e = find(cache, h->id);
        if (e == NULL || !e->has_table)
            return h;
        if (now - h->used_us > TABLE_IDLE_US) {
            cache->entries[(uint64_t)h->id % ACCOUNT_CACHE_SIZE] = NULL;
            release(e);
            return h;
        }
    }
    return NULL;
}

static void note_use(struct account_cache *cache, int64_t id, int64_t now)
{
    for (size_t i = 0; i < ACCOUNT_CACHE_TABLES; i++)
        if (cache->holders[i].id == id)
            cache->holders[i].used_us = now;
}

/* May this one have a table, and has none? */
static bool give_table(struct account_cache *cache, struct entry *e, int64_t now)
{
    struct table_holder *place = NULL;

    pthread_mutex_lock(&cache->lock);
    if (e->has_table)
        note_use(cache, e->account.id, now);
    else if (find(cache, e->account.id) == e)
        place = free_place(cache, now);
    if (place != NULL) {
        e->has_table = true;
        place->id = e->account.id;
        place->used_us = now;
    }
    pthread_mutex_unlock(&cache->lock);
    return place != NULL;
}

void account_cache_verified(struct account_cache *cache, const struct account *account)
{
    struct entry *e = (struct entry *)(uintptr_t)account;

    if (key_type(account->key) == KEY_P256 &&
        (atomic_fetch_add(&e->verified, 1) + 1) % ACCOUNT_CACHE_OFTEN == 0 &&
        give_table(cache, e, clock_monotonic_us()))
        key_expect_many(e->account.key);
}

void account_cache_forget(struct account_cache *cache, int64_t id)
{
    struct entry **place = &cache->entries[(uint64_t)id % ACCOUNT_CACHE_SIZE];

    pthread_mutex_lock(&cache->lock);
    cache->changes++;
    if (*place != NULL && (*place)->account.id == id) {
        release(*place);
        *place = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
}

void account_cache_forget_all(struct account_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->changes++;
    for (size_t i = 0; i < ACCOUNT_CACHE_SIZE; i++) {
        release(cache->entries[i]);
        cache->entries[i] = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
}
