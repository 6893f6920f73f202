/* A target's share of the validator. */
#include "server/validate/validate_share.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/siphash.h"
#include "server/validate/validate_private.h"

#define V6_SHARED 8 /* octets of an IPv6 address that make the target */

static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052 2.1 */

struct validate_share_target {
    struct validate_share_target *next; /* of the bucket */
    struct address network;
    size_t connections; /* under way, those that were called included */
    size_t waiting;
    struct validate_check *first;
    struct validate_check *last;
};

struct validate_shares {
    struct validate_share_target *buckets[VALIDATE_SHARE_BUCKETS];
    uint8_t key[SIPHASH_KEY_SIZE]; /* targets are chosen by others: no bucket may be */
    size_t targets;
};

struct validate_shares *validate_share_new(void)
{
    struct validate_shares *s = memory_get_zeroed(1, sizeof *s);

    random_fill(s->key, sizeof s->key);
    return s;
}

void validate_share_free(struct validate_shares *s)
{
    free(s);
}

size_t validate_share_targets(const struct validator *v)
{
    return v->shares->targets;
}

/* ---- targets ---- */

static struct address network_of(const struct address *to)
{
    struct address network = address_unmap(to);

    network.port = 0;
    /* behind NAT64 one /64 is all of IPv4 */
    if (network.family == ADDRESS_V6 && memcmp(network.octets, nat64, sizeof nat64) != 0)
        memset(network.octets + V6_SHARED, 0, sizeof network.octets - V6_SHARED);
    return network;
}

static struct validate_share_target **bucket_of(struct validate_shares *s,
                                                const struct address *network)
{
    uint64_t hash =
        siphash_make(s->key, span_make(network->octets, sizeof network->octets));

    return &s->buckets[hash % VALIDATE_SHARE_BUCKETS];
}

static struct validate_share_target *target_of(struct validate_shares *s,
                                               const struct address *to)
{
    const struct address network = network_of(to);
    struct validate_share_target **bucket = bucket_of(s, &network);

    for (struct validate_share_target *t = *bucket; t != NULL; t = t->next)
        if (address_equal(&t->network, &network))
            return t;
    struct validate_share_target *made = memory_get_zeroed(1, sizeof *made);
    made->network = network;
    made->next = *bucket;
    *bucket = made;
    s->targets++;
    return made;
}

static void free_if_unused(struct validate_shares *s, struct validate_share_target *t)
{
    struct validate_share_target **place = bucket_of(s, &t->network);

    if (t->connections > 0 || t->waiting > 0)
        return;
    while (*place != t)
        place = &(*place)->next;
    *place = t->next;
    s->targets--;
    free(t);
}

/* ---- the queue of a target ---- */

static void join(struct validate_share_target *t, struct validate_check *c)
{
    c->share.previous = t->last;
    c->share.next = NULL;
    if (t->last != NULL)
        t->last->share.next = c;
    else
        t->first = c;
    t->last = c;
    t->waiting++;
}

static void quit(struct validate_share_target *t, struct validate_check *c)
{
    if (c->share.previous != NULL)
        c->share.previous->share.next = c->share.next;
    else
        t->first = c->share.next;
    if (c->share.next != NULL)
        c->share.next->share.previous = c->share.previous;
    else
        t->last = c->share.previous;
    t->waiting--;
}

/* Places that are free go to those who wait longest. They go on in a turn of their own,
 * so that no caller's ground is taken away under it. */
static void call(const struct validator *v, struct validate_share_target *t)
{
    while (t->first != NULL && t->connections < v->connections_per_target) {
        struct validate_check *c = t->first;
        quit(t, c);
        t->connections++;
        c->share.state = VALIDATE_SHARE_CALLED;
        loop_timer_set(c->timer, 0);
    }
}

/* ---- what a check does ---- */

static void refuse(struct validate_check *c, const char *what)
{
    char text[ADDRESS_TEXT_SIZE];

    address_text_with_port(&c->share.to, text);
    validate_step_begin(c);
    json_write_text(&c->record, "address", text);
    json_write_text(&c->record, "error", what);
    validate_step_end(c);
    validate_trouble(c, ERR_CONNECTION,
                     "%s was not connected to for %s: %s (of one address at most %zu are "
                     "under way at a time)",
                     text, c->question.identifier, what,
                     c->validator->connections_per_target);
}

void validate_share_enter(struct validate_check *c, const struct address *to,
                          void (*go)(struct validate_check *c))
{
    struct validate_share_target *t = target_of(c->validator->shares, to);

    c->share = (struct validate_share){.target = t, .to = *to, .go = go};
    if (t->first == NULL && t->connections < c->validator->connections_per_target) {
        t->connections++;
        c->share.state = VALIDATE_SHARE_TAKEN;
        go(c);
        return;
    }
    if (t->waiting >= VALIDATE_SHARE_WAITING_MAX) {
        c->share.target = NULL;
        refuse(c, "too many other checks wait for that address");
        return;
    }
    c->share.state = VALIDATE_SHARE_WAITING;
    join(t, c);
    loop_timer_set(c->timer, validate_time_left_ms(c));
}

void validate_share_leave(struct validate_check *c)
{
    struct validate_share_target *t = c->share.target;

    if (t == NULL)
        return;
    if (c->share.state == VALIDATE_SHARE_WAITING)
        quit(t, c);
    else
        t->connections--;
    if (c->share.state != VALIDATE_SHARE_TAKEN)
        loop_timer_clear(c->timer);
    c->share.state = VALIDATE_SHARE_NONE;
    c->share.target = NULL;
    call(c->validator, t);
    free_if_unused(c->validator->shares, t);
}

bool validate_share_on_timer(struct validate_check *c)
{
    switch (c->share.state) {
    case VALIDATE_SHARE_CALLED:
        c->share.state = VALIDATE_SHARE_TAKEN;
        c->share.go(c);
        return true;
    case VALIDATE_SHARE_WAITING:
        validate_share_leave(c);
        refuse(c, "other checks of that address took all the time there was");
        return true;
    default:
        return false;
    }
}
