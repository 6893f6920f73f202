/* Flights: a hash table of keys with a list of waiting exchanges each. */
#include "server/exchange/flight.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/base/wake.h"

#define FLIGHT_BUCKETS                                                                   \
    4096 /* a power of two; keys are sequential, so they spread evenly */

struct flight {
    struct flight *next;
    int64_t key;
    struct exchange *waiting;
};

struct flight_table {
    pthread_mutex_t lock;
    size_t count;
    struct flight *buckets[FLIGHT_BUCKETS];
};

struct flight_table *flight_table_new(void)
{
    struct flight_table *t = memory_get_zeroed(1, sizeof *t);

    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void flight_table_free(struct flight_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < FLIGHT_BUCKETS; i++) {
        while (t->buckets[i] != NULL) {
            struct flight *f = t->buckets[i];
            t->buckets[i] = f->next;
            free(f);
        }
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* The link that points to the flight, or to where it would be. */
static struct flight **find(struct flight_table *t, int64_t key)
{
    struct flight **link = &t->buckets[(uint64_t)key % FLIGHT_BUCKETS];

    while (*link != NULL && (*link)->key != key)
        link = &(*link)->next;
    return link;
}

bool flight_begin(struct flight_table *t, int64_t key)
{
    pthread_mutex_lock(&t->lock);
    struct flight **link = find(t, key);
    bool begun = *link == NULL;
    if (begun) {
        struct flight *f = memory_get_zeroed(1, sizeof *f);
        f->key = key;
        *link = f;
        t->count++;
    }
    pthread_mutex_unlock(&t->lock);
    return begun;
}

bool flight_join(struct flight_table *t, int64_t key, struct exchange *x)
{
    pthread_mutex_lock(&t->lock);
    struct flight *f = *find(t, key);
    if (f != NULL) {
        x->flight_next = f->waiting;
        f->waiting = x;
    }
    pthread_mutex_unlock(&t->lock);
    return f != NULL;
}

void flight_leave(struct flight_table *t, int64_t key, struct exchange *x)
{
    pthread_mutex_lock(&t->lock);
    struct flight *f = *find(t, key);
    struct exchange **link = f != NULL ? &f->waiting : NULL;
    while (link != NULL && *link != NULL && *link != x)
        link = &(*link)->flight_next;
    if (link != NULL && *link == x)
        *link = x->flight_next;
    pthread_mutex_unlock(&t->lock);
}

void flight_land(struct flight_table *t, int64_t key)
{
    wake_hold(); /* who is resumed leaves, and needs the lock for that */
    pthread_mutex_lock(&t->lock);
    struct flight **link = find(t, key);
    struct flight *f = *link;
    if (f != NULL) {
        *link = f->next;
        t->count--;
        /* under the lock: whoever waits cannot leave, and so not end, before it is
         * resumed */
        for (struct exchange *x = f->waiting; x != NULL;) {
            struct exchange *next = x->flight_next;
            exchange_resume(x);
            x = next;
        }
        free(f);
    }
    pthread_mutex_unlock(&t->lock);
    wake_release();
}

size_t flight_count(struct flight_table *t)
{
    pthread_mutex_lock(&t->lock);
    size_t count = t->count;
    pthread_mutex_unlock(&t->lock);
    return count;
}
