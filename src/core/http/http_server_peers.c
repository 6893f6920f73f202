/* Connections of each peer: one IPv4 address, or one /64 of IPv6. */
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/http/http_server_private.h"

#define BUCKETS    1024
#define KEY_OCTETS 8 /* the /64 of an IPv6 address */

struct peer {
    struct peer *next;
    uint8_t key[KEY_OCTETS + 1];
    int64_t count;
};

struct server_peers {
    pthread_mutex_t lock;
    uint64_t seed; /* so that nobody can choose addresses of one bucket */
    struct peer *buckets[BUCKETS];
};

struct server_peers *http_server_peers_new(void)
{
    struct server_peers *p = memory_get_zeroed(1, sizeof *p);

    pthread_mutex_init(&p->lock, NULL);
    random_fill(&p->seed, sizeof p->seed);
    return p;
}

void http_server_peers_free(struct server_peers *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (p->buckets[i] != NULL) {
            struct peer *next = p->buckets[i]->next;
            free(p->buckets[i]);
            p->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct peer **find(struct server_peers *p, const struct address *a, uint8_t *key)
{
    uint64_t hash = p->seed;

    memset(key, 0, KEY_OCTETS + 1);
    key[0] = (uint8_t)a->family;
    memcpy(key + 1, a->octets, a->family == ADDRESS_V6 ? KEY_OCTETS : 4);
    for (size_t i = 0; i <= KEY_OCTETS; i++)
        hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
    struct peer **link = &p->buckets[(hash >> 32) % BUCKETS];
    while (*link != NULL && memcmp((*link)->key, key, KEY_OCTETS + 1) != 0)
        link = &(*link)->next;
    return link;
}

bool http_server_peers_enter(struct server_peers *p, const struct address *peer,
                             int64_t most)
{
    uint8_t key[KEY_OCTETS + 1];

    pthread_mutex_lock(&p->lock);
    struct peer **link = find(p, peer, key);
    if (*link == NULL) {
        *link = memory_get_zeroed(1, sizeof **link);
        memcpy((*link)->key, key, sizeof key);
    }
    bool in = (*link)->count < most;
    if (in)
        (*link)->count++;
    pthread_mutex_unlock(&p->lock);
    return in;
}

void http_server_peers_leave(struct server_peers *p, const struct address *peer)
{
    uint8_t key[KEY_OCTETS + 1];

    pthread_mutex_lock(&p->lock);
    struct peer **link = find(p, peer, key);
    if (*link != NULL && --(*link)->count <= 0) {
        struct peer *empty = *link;
        *link = empty->next;
        free(empty);
    }
    pthread_mutex_unlock(&p->lock);
}
