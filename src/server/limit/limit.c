/* Rate limits: what a request spends. */
#include "server/limit/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "server/limit/gcra.h"
#include "server/limit/limit_private.h"

#define SECOND_US INT64_C(1000000)

struct limit *limit_new(void)
{
    struct limit *l = memory_get_zeroed(1, sizeof *l);

    random_fill(l->hash_key, sizeof l->hash_key);
    for (size_t i = 0; i < LIMIT_SHARDS; i++)
        pthread_mutex_init(&l->shards[i].lock, NULL);
    pthread_mutex_init(&l->persist_lock, NULL);
    pthread_mutex_init(&l->pause_lock, NULL);
    return l;
}

void limit_free(struct limit *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < LIMIT_SHARDS; i++) {
        limit_table_free(&l->shards[i]);
        pthread_mutex_destroy(&l->shards[i].lock);
    }
    limit_pause_free(l);
    limit_domain_free(l);
    pthread_mutex_destroy(&l->persist_lock);
    pthread_mutex_destroy(&l->pause_lock);
    free(l);
}

int64_t limit_now_us(void)
{
    return clock_now_ms() * 1000;
}

/* In the order of their numbers, so that two threads never wait for each other. */
static void lock(struct limit *l, unsigned int shards)
{
    for (unsigned int i = 0; i < LIMIT_SHARDS; i++)
        if ((shards & 1U << i) != 0)
            pthread_mutex_lock(&l->shards[i].lock);
}

static void unlock(struct limit *l, unsigned int shards)
{
    for (unsigned int i = 0; i < LIMIT_SHARDS; i++)
        if ((shards & 1U << i) != 0)
            pthread_mutex_unlock(&l->shards[i].lock);
}

#define ALL_SHARDS ((1U << LIMIT_SHARDS) - 1)

/* Each bucket without a rate of its own, to the rates that are to be. */
static void convert_all(struct limit *l, struct limit_shard *shard,
                        const struct rate rates[RATE_KINDS], int64_t now_us)
{
    for (size_t i = 0; i < LIMIT_CHAINS; i++) {
        for (struct limit_bucket *b = shard->chains[i]; b != NULL; b = b->next) {
            const struct limit_place place = {b->kind, b->key, b->key_len, b->hash, 0};
            if (l->rates[b->kind].interval_us == rates[b->kind].interval_us ||
                b->tat_us <= now_us || limit_table_own_rate(shard, &place) != NULL)
                continue;
            gcra_convert(&l->rates[b->kind], &rates[b->kind], &b->tat_us, now_us);
            b->dirty = true;
        }
    }
}

void limit_configure(struct limit *l, const struct rate rates[RATE_KINDS])
{
    int64_t now_us = limit_now_us();

    lock(l, ALL_SHARDS);
    for (size_t s = 0; s < LIMIT_SHARDS; s++)
        convert_all(l, &l->shards[s], rates, now_us);
    for (int i = 0; i < RATE_KINDS; i++) {
        l->rates[i] = rates[i];
        atomic_store(&l->on[i], rates[i].count > 0);
    }
    unlock(l, ALL_SHARDS);
}

bool limit_is_on(const struct limit *l, enum rate_kind kind)
{
    return atomic_load(&l->on[kind]) || atomic_load(&l->own_rates[kind]) > 0;
}

/* With the shard's lock held; `base` as in struct limit_use. */
static const struct rate *rate_of(struct limit *l, struct limit_shard *shard,
                                  const struct limit_place *place,
                                  const struct rate *base)
{
    const struct limit_own_rate *own = limit_table_own_rate(shard, place);

    if (own != NULL)
        return &own->rate;
    return base != NULL ? base : &l->rates[place->kind];
}

/* ---- spending ---- */

/* What the refusal will say. */
struct refusal {
    const struct limit_use *use; /* NULL: nobody refuses */
    struct rate rate;
    int64_t wait_us; /* the longest */
};

static enum err refuse(const struct refusal *r, struct arena *a, int64_t now_us,
                       struct err_info *why)
{
    char until[CLOCK_TEXT_SIZE];
    char words[RATE_TEXT_SIZE];
    const char *sentence = rate_kind_sentence(r->use->kind);
    const char *mark = strstr(sentence, "%s");
    int64_t again_us = now_us + r->wait_us;

    rate_words(&r->rate, words);
    clock_text(until, (again_us + SECOND_US - 1) / SECOND_US);
    char *what =
        arena_printf(a, "%.*s%.*s%s", (int)(mark - sentence), sentence, LIMIT_KEY_MAX,
                     r->use->shown != NULL ? r->use->shown : r->use->key, mark + 2);
    (void)err_set(why, ERR_RATE_LIMITED, "%s are limited to %s; try again after %s", what,
                  words, until);
    if (why != NULL)
        why->retry_after_seconds = (int)((r->wait_us + SECOND_US - 1) / SECOND_US);
    return ERR_RATE_LIMITED;
}

/* Look at a bucket, with its lock held; `room` is set if there is one more. */
static void ask(struct limit *l, const struct limit_use *use,
                const struct limit_place *place, int64_t now_us, struct refusal *refusal)
{
    struct limit_shard *shard = &l->shards[place->shard];
    const struct rate *rate = rate_of(l, shard, place, use->rate);
    const struct limit_bucket *bucket = limit_table_find(shard, place);
    int64_t tat_us = bucket != NULL ? bucket->tat_us : 0;
    int64_t wait_us = 0;

    if (rate->count == 0 || gcra_take(rate, &tat_us, now_us, &wait_us) ||
        wait_us <= refusal->wait_us)
        return;
    refusal->use = use;
    refusal->rate = *rate;
    refusal->wait_us = wait_us;
}

static void spend(struct limit *l, const struct limit_use *use,
                  const struct limit_place *place, int64_t now_us)
{
    struct limit_shard *shard = &l->shards[place->shard];
    const struct rate *rate = rate_of(l, shard, place, use->rate);

    if (rate->count == 0)
        return;
    struct limit_bucket *bucket = limit_table_make(l, shard, place, now_us);
    gcra_charge(rate, &bucket->tat_us, now_us);
    bucket->dirty = true;
}

enum err limit_spend(struct limit *l, struct arena *a, const struct limit_use *uses,
                     size_t count, int64_t now_us, struct err_info *why)
{
    struct limit_place *places = arena_array(a, count, sizeof *places);
    struct refusal refusal = {0};
    unsigned int shards = 0;

    for (size_t i = 0; i < count; i++) {
        places[i] = limit_table_place(l, uses[i].kind, uses[i].key);
        shards |= 1U << places[i].shard;
    }
    lock(l, shards);
    for (size_t i = 0; i < count; i++)
        ask(l, &uses[i], &places[i], now_us, &refusal);
    for (size_t i = 0; i < count && refusal.use == NULL; i++)
        if (!uses[i].look_only)
            spend(l, &uses[i], &places[i], now_us);
    unlock(l, shards);
    return refusal.use == NULL ? ERR_OK : refuse(&refusal, a, now_us, why);
}

void limit_refund(struct limit *l, const struct limit_use *uses, size_t count,
                  int64_t now_us)
{
    for (size_t i = 0; i < count; i++) {
        struct limit_place place = limit_table_place(l, uses[i].kind, uses[i].key);
        struct limit_shard *shard = &l->shards[place.shard];
        if (uses[i].look_only)
            continue;
        pthread_mutex_lock(&shard->lock);
        const struct rate *rate = rate_of(l, shard, &place, uses[i].rate);
        struct limit_bucket *bucket = limit_table_find(shard, &place);
        if (bucket != NULL && rate->count > 0) {
            gcra_return(rate, &bucket->tat_us, now_us);
            bucket->dirty = true;
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

bool limit_charge(struct limit *l, const struct limit_use *use, int64_t now_us)
{
    struct limit_place place = limit_table_place(l, use->kind, use->key);
    struct limit_shard *shard = &l->shards[place.shard];
    bool used_up = false;

    pthread_mutex_lock(&shard->lock);
    spend(l, use, &place, now_us);
    const struct rate *rate = rate_of(l, shard, &place, use->rate);
    const struct limit_bucket *bucket = limit_table_find(shard, &place);
    if (bucket != NULL && rate->count > 0)
        used_up = gcra_left(rate, bucket->tat_us, now_us) == 0;
    pthread_mutex_unlock(&shard->lock);
    return used_up;
}

/* ---- looking after buckets ---- */

bool limit_reset(struct limit *l, enum rate_kind kind, const char *key)
{
    struct limit_place place = limit_table_place(l, kind, key);
    struct limit_shard *shard = &l->shards[place.shard];

    pthread_mutex_lock(&shard->lock);
    struct limit_bucket *bucket = limit_table_find(shard, &place);
    bool was = bucket != NULL && bucket->tat_us != 0;
    if (was) { /* it goes when the store has forgotten it too */
        bucket->tat_us = 0;
        bucket->dirty = true;
    }
    pthread_mutex_unlock(&shard->lock);
    return was;
}

void limit_look(struct limit *l, enum rate_kind kind, const char *key,
                const struct rate *rate, int64_t now_us, struct limit_bucket_state *state)
{
    struct limit_place place = limit_table_place(l, kind, key);
    struct limit_shard *shard = &l->shards[place.shard];
    struct limit_bucket_state found = {0};

    pthread_mutex_lock(&shard->lock);
    const struct limit_bucket *bucket = limit_table_find(shard, &place);
    found.overridden = limit_table_own_rate(shard, &place) != NULL;
    found.rate = *rate_of(l, shard, &place, rate);
    int64_t tat_us = bucket != NULL ? bucket->tat_us : 0;
    pthread_mutex_unlock(&shard->lock);
    if (found.rate.count > 0) {
        found.left = gcra_left(&found.rate, tat_us, now_us);
        int64_t new_us = gcra_new(&found.rate, tat_us, now_us);
        found.new_us = new_us > now_us ? new_us : 0;
    }
    *state = found;
}

void limit_count(struct limit *l, enum rate_kind kind, int64_t now_us, size_t *buckets,
                 size_t *used_up)
{
    size_t found = 0;
    size_t full = 0;

    for (size_t s = 0; s < LIMIT_SHARDS; s++) {
        struct limit_shard *shard = &l->shards[s];
        pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < LIMIT_CHAINS; i++) {
            for (const struct limit_bucket *b = shard->chains[i]; b != NULL;
                 b = b->next) {
                if (b->kind != kind || b->tat_us <= now_us)
                    continue;
                const struct limit_place place = {b->kind, b->key, b->key_len, b->hash,
                                                  (unsigned int)s};
                const struct rate *rate = rate_of(l, shard, &place, NULL);
                found++;
                if (rate->count > 0 && gcra_left(rate, b->tat_us, now_us) == 0)
                    full++;
            }
        }
        pthread_mutex_unlock(&shard->lock);
    }
    *buckets = found;
    *used_up = full;
}

struct rate limit_rate(struct limit *l, enum rate_kind kind)
{
    pthread_mutex_lock(&l->shards[0].lock);
    struct rate rate = l->rates[kind];
    pthread_mutex_unlock(&l->shards[0].lock);
    return rate;
}

void limit_override(struct limit *l, enum rate_kind kind, const char *key,
                    const struct rate *base, const struct rate *rate)
{
    struct limit_place place = limit_table_place(l, kind, key);
    struct limit_shard *shard = &l->shards[place.shard];

    pthread_mutex_lock(&shard->lock);
    const struct rate before = *rate_of(l, shard, &place, base);
    atomic_fetch_add(&l->own_rates[kind], limit_table_set_own_rate(shard, &place, rate));
    struct limit_bucket *bucket = limit_table_find(shard, &place);
    if (bucket != NULL && bucket->tat_us > limit_now_us()) {
        gcra_convert(&before, rate_of(l, shard, &place, base), &bucket->tat_us,
                     limit_now_us());
        bucket->dirty = true;
    }
    pthread_mutex_unlock(&shard->lock);
}
