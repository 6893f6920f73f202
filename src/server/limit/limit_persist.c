/* Buckets are written lazily: what is lost when the process is killed are the last
 * seconds, and what would be over in a minute anyhow. */
#include "server/limit/limit_persist.h"

#include <string.h>

#include "core/base/log.h"
#include "server/limit/limit_private.h"

#define CHAINS_AT_ONCE    256 /* with a lock held */
#define CLEAR_INTERVAL_US (10 * 60 * INT64_C(1000000))
#define CLEAR_ROWS        1000

/* Rows on their way to the store. */
struct load {
    struct arena *arena;
    struct store_limit_bucket *rows; /* LIMIT_PERSIST_ROWS */
    size_t count;
};

static bool is_worth_it(const struct limit_bucket *b, int64_t now_us)
{
    return b->stored_us != 0 || b->tat_us - now_us >= LIMIT_PERSIST_LEAST_US;
}

/* With the lock held. */
static void take_chain(struct limit_shard *shard, size_t chain, int64_t now_us,
                       struct load *load)
{
    for (struct limit_bucket *b = shard->chains[chain];
         b != NULL && load->count < LIMIT_PERSIST_ROWS; b = b->next) {
        if (!b->dirty)
            continue;
        b->dirty = false;
        if (!is_worth_it(b, now_us))
            continue;
        bool over = b->tat_us <= now_us;
        struct store_limit_bucket *row = &load->rows[load->count++];
        row->kind = rate_kind_word(b->kind);
        row->key = arena_string(load->arena, b->key);
        row->tat_us = over ? 0 : b->tat_us;
        b->stored_us = row->tat_us;
    }
    limit_table_sweep(shard, chain, now_us);
}

/* Go round all chains once, or until there are enough rows. True after the whole round.
 */
static bool collect(struct limit *l, int64_t now_us, struct load *load)
{
    for (size_t left = LIMIT_SHARDS * LIMIT_CHAINS; left > 0;) {
        struct limit_shard *shard = &l->shards[l->persist_shard];
        pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < CHAINS_AT_ONCE && left > 0; i++) {
            take_chain(shard, l->persist_chain, now_us, load);
            if (load->count == LIMIT_PERSIST_ROWS)
                break; /* perhaps in the middle of the chain: it comes again */
            l->persist_chain = (l->persist_chain + 1) & (LIMIT_CHAINS - 1);
            left--;
            if (l->persist_chain == 0) {
                l->persist_shard = (l->persist_shard + 1) & (LIMIT_SHARDS - 1);
                break;
            }
        }
        pthread_mutex_unlock(&shard->lock);
        if (load->count == LIMIT_PERSIST_ROWS)
            return false;
    }
    return true;
}

/* They could not be written: once more, later. */
static void put_back(struct limit *l, const struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        enum rate_kind kind = RATE_KINDS;
        if (!rate_kind_read(load->rows[i].kind, &kind))
            continue;
        struct limit_place place = limit_table_place(l, kind, load->rows[i].key);
        struct limit_shard *shard = &l->shards[place.shard];
        pthread_mutex_lock(&shard->lock);
        struct limit_bucket *b = limit_table_find(shard, &place);
        if (b != NULL) {
            b->dirty = true;
            if (b->stored_us == 0)
                b->stored_us = 1; /* the store may have it still */
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

static enum err save(struct limit *l, struct store_session *session, int64_t now_us,
                     bool all, struct err_info *why)
{
    bool done = false;

    while (!done) {
        AUTO(arena) struct arena *a = arena_new();
        struct load load = {a, arena_array(a, LIMIT_PERSIST_ROWS, sizeof *load.rows), 0};
        done = collect(l, now_us, &load) || !all;
        if (load.count == 0)
            break;
        enum err result = store_limit_buckets_put(session, load.rows, load.count, why);
        if (result != ERR_OK) {
            put_back(l, &load);
            return result;
        }
    }
    return ERR_OK;
}

static enum err clear(struct limit *l, struct store_session *session, int64_t now_us,
                      struct err_info *why)
{
    size_t removed = 0;

    if (now_us > l->cleared_us && now_us - l->cleared_us < CLEAR_INTERVAL_US)
        return ERR_OK;
    TRY(store_limit_clear(session, now_us, CLEAR_ROWS, &removed, why));
    if (removed < CLEAR_ROWS)
        l->cleared_us = now_us;
    return ERR_OK;
}

static void tell_evicted(struct limit *l)
{
    unsigned long evicted = atomic_load(&l->evicted);

    if (evicted == l->evicted_told)
        return;
    log_event(LOG_LEVEL_WARNING, "limit.full", "buckets=%d forgotten=%lu",
              LIMIT_BUCKETS_MAX, evicted - l->evicted_told);
    l->evicted_told = evicted;
}

enum err limit_persist_save(struct limit *l, struct store_session *session,
                            int64_t now_us, bool all, struct err_info *why)
{
    pthread_mutex_lock(&l->persist_lock);
    tell_evicted(l);
    enum err result = save(l, session, now_us, all, why);
    if (result == ERR_OK)
        result = clear(l, session, now_us, why);
    pthread_mutex_unlock(&l->persist_lock);
    return result;
}

void limit_persist_stop(struct limit *l)
{
    pthread_mutex_lock(&l->persist_lock);
}

void limit_persist_go_on(struct limit *l)
{
    pthread_mutex_unlock(&l->persist_lock);
}

static void take_row(struct limit *l, const struct store_limit_bucket *row,
                     int64_t now_us)
{
    enum rate_kind kind = RATE_KINDS;

    if (!rate_kind_read(row->kind, &kind))
        return; /* a limit of another version */
    struct limit_place place = limit_table_place(l, kind, row->key);
    struct limit_shard *shard = &l->shards[place.shard];
    pthread_mutex_lock(&shard->lock);
    struct limit_bucket *b = limit_table_make(l, shard, &place, now_us);
    b->tat_us = row->tat_us;
    b->stored_us = row->tat_us;
    pthread_mutex_unlock(&shard->lock);
}

static enum err load_own_rates(struct limit *l, struct store_session *session,
                               struct arena *a, struct err_info *why)
{
    struct store_limit_override *rows = NULL;
    size_t count = 0;

    TRY(store_limit_overrides(session, a, LIMIT_OVERRIDES_MAX, &rows, &count, why));
    for (size_t i = 0; i < count; i++) {
        enum rate_kind kind = RATE_KINDS;
        struct rate rate = {0};
        if (rate_kind_read(rows[i].kind, &kind) &&
            rate_read(span_of(rows[i].rate), &rate, why) == ERR_OK)
            limit_override(l, kind, rows[i].key, NULL, &rate);
    }
    return ERR_OK;
}

enum err limit_persist_load(struct limit *l, struct store_session *session,
                            int64_t now_us, struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct store_limit_bucket *rows = NULL;
    size_t count = 0;

    /* first: what was spent was counted by them */
    TRY(load_own_rates(l, session, a, why));
    TRY(store_limit_buckets(session, a, now_us, LIMIT_BUCKETS_MAX, &rows, &count, why));
    for (size_t i = 0; i < count; i++)
        take_row(l, &rows[i], now_us);
    l->cleared_us = now_us;
    return ERR_OK;
}
