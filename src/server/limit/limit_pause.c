/* Pauses: a table in memory of what the store has. */
#include "server/limit/limit_pause.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "server/limit/limit_private.h"

/* A row of the table; the key is limit_pause_key()'s. */
struct limit_pause {
    struct limit_pause *next;
    uint64_t hash;
    char *key;
    char *reason;
};

char *limit_pause_key(struct arena *a, int64_t account_id, const char *identifier)
{
    return arena_printf(a, "%lld/%s", (long long)account_id, identifier);
}

/* With the lock held. */
static struct limit_pause **find(struct limit *l, const char *key, uint64_t *hash)
{
    *hash = siphash_make(l->hash_key, span_of(key));
    struct limit_pause **link = &l->pauses[*hash & (LIMIT_PAUSE_CHAINS - 1)];

    while (*link != NULL && ((*link)->hash != *hash || strcmp((*link)->key, key) != 0))
        link = &(*link)->next;
    return link;
}

static void drop(struct limit *l, struct limit_pause **link)
{
    struct limit_pause *p = *link;

    *link = p->next;
    atomic_fetch_sub(&l->pause_count, 1);
    free(p->key);
    free(p->reason);
    free(p);
}

static void put(struct limit *l, const char *key, const char *reason)
{
    uint64_t hash = 0;

    pthread_mutex_lock(&l->pause_lock);
    struct limit_pause **link = find(l, key, &hash);
    if (*link == NULL) {
        *link = memory_get_zeroed(1, sizeof **link);
        (*link)->hash = hash;
        (*link)->key = memory_copy_string(key);
        (*link)->reason = memory_copy_string(reason);
        atomic_fetch_add(&l->pause_count, 1);
    }
    pthread_mutex_unlock(&l->pause_lock);
}

enum err limit_pause_load(struct limit *l, struct store_session *session,
                          struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_limit_pause *rows = NULL;
    size_t count = 0;

    TRY(store_limit_pauses(session, a, LIMIT_PAUSES_MAX, &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        put(l, limit_pause_key(a, rows[i].account_id, rows[i].identifier),
            rows[i].reason);
    return ERR_OK;
}

const char *limit_pause_reason(struct limit *l, struct arena *a, int64_t account_id,
                               const char *identifier)
{
    uint64_t hash = 0;

    if (atomic_load(&l->pause_count) == 0)
        return NULL;
    char *key = limit_pause_key(a, account_id, identifier);
    pthread_mutex_lock(&l->pause_lock);
    const struct limit_pause *p = *find(l, key, &hash);
    char *reason = p != NULL ? arena_string(a, p->reason) : NULL;
    pthread_mutex_unlock(&l->pause_lock);
    return reason;
}

enum err limit_pause_add(struct limit *l, struct store_session *session,
                         const struct store_limit_pause *pause, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();

    TRY(store_limit_pause_add(session, pause, LIMIT_PAUSES_MAX, why));
    put(l, limit_pause_key(a, pause->account_id, pause->identifier), pause->reason);
    return ERR_OK;
}

enum err limit_pause_remove(struct limit *l, struct store_session *session,
                            int64_t account_id, const char *identifier,
                            struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    char *key = limit_pause_key(a, account_id, identifier);
    uint64_t hash = 0;

    TRY(store_limit_pause_remove(session, account_id, identifier, why));
    pthread_mutex_lock(&l->pause_lock);
    struct limit_pause **link = find(l, key, &hash);
    if (*link != NULL)
        drop(l, link);
    pthread_mutex_unlock(&l->pause_lock);
    (void)limit_reset(l, RATE_PAUSE_AFTER, key);
    return ERR_OK;
}

void limit_pause_free(struct limit *l)
{
    for (size_t i = 0; i < LIMIT_PAUSE_CHAINS; i++)
        while (l->pauses[i] != NULL)
            drop(l, &l->pauses[i]);
}
