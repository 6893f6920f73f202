/* Buckets of a shard: found, made, dropped. */
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "server/limit/limit_private.h"

#define SHARD_MAX   (LIMIT_BUCKETS_MAX / LIMIT_SHARDS)
#define VICTIMS_MAX 16 /* buckets that are compared when one must make room */
#define SHARD_SHIFT 48 /* the shard comes from other bits of the hash than the chain */
#define KIND_SPREAD 0x9e3779b97f4a7c15U /* 2^64 by the golden ratio: kinds differ */

struct limit_place limit_table_place(const struct limit *l, enum rate_kind kind,
                                     const char *key)
{
    struct limit_place place = {
        .kind = kind, .key = key, .key_len = strnlen(key, LIMIT_KEY_MAX)};

    place.hash = siphash_make(l->hash_key, span_make(key, place.key_len)) ^
                 ((uint64_t)kind + 1) * KIND_SPREAD;
    place.shard = (unsigned int)(place.hash >> SHARD_SHIFT) & (LIMIT_SHARDS - 1);
    return place;
}

static bool is_at(const struct limit_bucket *b, const struct limit_place *place)
{
    return b->hash == place->hash && b->kind == place->kind &&
           b->key_len == place->key_len && memcmp(b->key, place->key, b->key_len) == 0;
}

struct limit_bucket *limit_table_find(struct limit_shard *shard,
                                      const struct limit_place *place)
{
    struct limit_bucket *b = shard->chains[place->hash & (LIMIT_CHAINS - 1)];

    while (b != NULL && !is_at(b, place))
        b = b->next;
    return b;
}

/* What the store has of it would come back at the next start: that must be taken away
 * first. */
static bool is_over(const struct limit_bucket *b, int64_t now_us)
{
    return b->tat_us <= now_us && b->stored_us <= now_us;
}

static void drop(struct limit_shard *shard, struct limit_bucket **link)
{
    struct limit_bucket *b = *link;

    *link = b->next;
    shard->count--;
    free(b);
}

void limit_table_sweep(struct limit_shard *shard, size_t chain, int64_t now_us)
{
    struct limit_bucket **link = &shard->chains[chain];

    while (*link != NULL) {
        if (is_over(*link, now_us))
            drop(shard, link);
        else
            link = &(*link)->next;
    }
}

/* Of the next few buckets the one that is over soonest, so that who has spent most is
 * kept. */
static void make_room(struct limit *l, struct limit_shard *shard)
{
    struct limit_bucket **victim = NULL;
    size_t seen = 0;

    for (size_t i = 0; i < LIMIT_CHAINS && seen < VICTIMS_MAX; i++) {
        size_t chain = (shard->hand + i) & (LIMIT_CHAINS - 1);
        for (struct limit_bucket **link = &shard->chains[chain]; *link != NULL;
             link = &(*link)->next, seen++)
            if (victim == NULL || (*link)->tat_us < (*victim)->tat_us)
                victim = link;
    }
    if (victim == NULL)
        return;
    drop(shard, victim);
    atomic_fetch_add(&l->evicted, 1);
}

struct limit_bucket *limit_table_make(struct limit *l, struct limit_shard *shard,
                                      const struct limit_place *place, int64_t now_us)
{
    struct limit_bucket *b = limit_table_find(shard, place);

    if (b != NULL)
        return b;
    /* each new one looks after one chain, so that what is over goes */
    limit_table_sweep(shard, shard->hand, now_us);
    shard->hand = (shard->hand + 1) & (LIMIT_CHAINS - 1);
    if (shard->count >= SHARD_MAX)
        make_room(l, shard);
    b = memory_get_zeroed(1, sizeof *b + place->key_len + 1);
    b->hash = place->hash;
    b->kind = place->kind;
    b->key_len = place->key_len;
    memcpy(b->key, place->key, place->key_len);
    b->next = shard->chains[place->hash & (LIMIT_CHAINS - 1)];
    shard->chains[place->hash & (LIMIT_CHAINS - 1)] = b;
    shard->count++;
    return b;
}

static struct limit_own_rate **own_rate(struct limit_shard *shard,
                                        const struct limit_place *place)
{
    struct limit_own_rate **link =
        &shard->own_rates[place->hash & (LIMIT_OVERRIDE_CHAINS - 1)];

    while (*link != NULL &&
           ((*link)->hash != place->hash || (*link)->kind != place->kind ||
            (*link)->key_len != place->key_len ||
            memcmp((*link)->key, place->key, place->key_len) != 0))
        link = &(*link)->next;
    return link;
}

struct limit_own_rate *limit_table_own_rate(struct limit_shard *shard,
                                            const struct limit_place *place)
{
    return shard->own_rate_count > 0 ? *own_rate(shard, place) : NULL;
}

int limit_table_set_own_rate(struct limit_shard *shard, const struct limit_place *place,
                             const struct rate *rate)
{
    struct limit_own_rate **link = own_rate(shard, place);
    struct limit_own_rate *found = *link;

    if (found != NULL && rate != NULL) {
        found->rate = *rate;
        return 0;
    }
    if (found != NULL) {
        *link = found->next;
        free(found);
        shard->own_rate_count--;
        return -1;
    }
    if (rate == NULL)
        return 0;
    struct limit_own_rate *fresh =
        memory_get_zeroed(1, sizeof *fresh + place->key_len + 1);
    fresh->hash = place->hash;
    fresh->kind = place->kind;
    fresh->rate = *rate;
    fresh->key_len = place->key_len;
    memcpy(fresh->key, place->key, place->key_len);
    *link = fresh;
    shard->own_rate_count++;
    return 1;
}

void limit_table_free(struct limit_shard *shard)
{
    for (size_t i = 0; i < LIMIT_CHAINS; i++)
        while (shard->chains[i] != NULL)
            drop(shard, &shard->chains[i]);
    for (size_t i = 0; i < LIMIT_OVERRIDE_CHAINS; i++) {
        while (shard->own_rates[i] != NULL) {
            struct limit_own_rate *next = shard->own_rates[i]->next;
            free(shard->own_rates[i]);
            shard->own_rates[i] = next;
        }
    }
}
