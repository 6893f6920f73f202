/* Accounts in memory: one entry for each place of a table, counted references. */
#include "server/exchange/account_cache_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/jose/jwk.h"

void account_cache_release(void *object)
{
    struct account_entry *e = object;

    if (e != NULL && atomic_fetch_sub(&e->references, 1) == 1) {
        arena_free(e->arena);
        free(e);
    }
}

struct account_cache *account_cache_new(unsigned int tables)
{
    struct account_cache *cache = memory_get_zeroed(1, sizeof *cache);

    cache->tables = tables < ACCOUNT_CACHE_TABLES ? tables : ACCOUNT_CACHE_TABLES;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void account_cache_free(struct account_cache *cache)
{
    if (cache == NULL)
        return;
    account_cache_table_end(cache);
    for (size_t i = 0; i < ACCOUNT_CACHE_SIZE; i++)
        account_cache_release(cache->entries[i]);
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

static enum err load(struct store_session *session, int64_t id,
                     struct account_entry **loaded, struct err_info *why)
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
    struct account_entry *e = memory_get_zeroed(1, sizeof *e);
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

static struct account_entry **place_of(struct account_cache *cache, int64_t id)
{
    return &cache->entries[(uint64_t)id % ACCOUNT_CACHE_SIZE];
}

struct account_entry *account_cache_find(const struct account_cache *cache, int64_t id)
{
    struct account_entry *e = cache->entries[(uint64_t)id % ACCOUNT_CACHE_SIZE];

    return e != NULL && e->account.id == id ? e : NULL;
}

void account_cache_drop(struct account_cache *cache, int64_t id)
{
    struct account_entry *e = account_cache_find(cache, id);

    if (e == NULL)
        return;
    *place_of(cache, id) = NULL;
    account_cache_release(e);
}

enum err account_cache_get(struct account_cache *cache, struct store_session *session,
                           struct arena *a, int64_t id, const struct account **account,
                           struct err_info *why)
{
    struct account_entry **place = place_of(cache, id);
    struct account_entry *e;

    /* a batch that could not be written takes back what was read from it, and the next
     * account gets the same number */
    uint64_t undone = store_session_undone(session);

    pthread_mutex_lock(&cache->lock);
    uint64_t changes = cache->changes;
    e = account_cache_find(cache, id);
    if (e != NULL && e->undone == undone)
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
            struct account_entry *old = *place;
            *place = e;
            account_cache_release(old);
        }
        pthread_mutex_unlock(&cache->lock);
    }
    (void)arena_own(a, e, account_cache_release);
    *account = &e->account;
    return ERR_OK;
}

void account_cache_forget(struct account_cache *cache, int64_t id)
{
    pthread_mutex_lock(&cache->lock);
    cache->changes++;
    account_cache_drop(cache, id);
    pthread_mutex_unlock(&cache->lock);
}

void account_cache_forget_all(struct account_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->changes++;
    for (size_t i = 0; i < ACCOUNT_CACHE_SIZE; i++) {
        account_cache_release(cache->entries[i]);
        cache->entries[i] = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
}
