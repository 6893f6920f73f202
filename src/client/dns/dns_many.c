/* Threads that take one record after the other from a list. */
#include "client/dns/dns_many.h"

#include <pthread.h>
#include <string.h>

#include "core/base/text.h"

struct crowd {
    struct dns_desk *desk;
    struct dns_many *list;
    bool *running;
    struct arena **arenas; /* of each record, until all are done */
    size_t count;
    bool removes;
    bool stop; /* no other is begun */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static size_t most_of(const struct settings_dns *dns)
{
    return dns->parallel > 0 ? (size_t)dns->parallel : dns_provider_parallel(dns);
}

static bool may_begin(const struct crowd *c, size_t index)
{
    const struct dns_entry *e = c->list[index].entry;
    size_t running = 0;

    if (c->list[index].done)
        return false;
    for (size_t i = 0; i < c->count; i++) {
        const struct dns_entry *other = c->list[i].entry;
        if (!c->running[i])
            continue;
        if (text_equal_ignoring_case(span_of(other->task.owner), span_of(e->task.owner)))
            return false;
        running += strcmp(other->dns.name, e->dns.name) == 0 &&
                   strcmp(other->dns.provider, e->dns.provider) == 0;
    }
    return running < most_of(&e->dns);
}

/* The next one, waiting for those that keep it from being begun; false: none is left. */
static bool take_next(struct crowd *c, size_t *index)
{
    for (;;) {
        bool waits = false;
        for (size_t i = 0; i < c->count && !c->stop; i++) {
            waits = waits || !c->list[i].done;
            if (may_begin(c, i)) {
                *index = i;
                c->list[i].done = c->running[i] = true;
                return true;
            }
        }
        if (!waits)
            return false;
        (void)pthread_cond_wait(&c->changed, &c->lock);
    }
}

/* Would others only fail the same way? */
static bool is_for_all(const struct crowd *c, enum err result)
{
    if (result == ERR_NETWORK || result == ERR_TIMEOUT || result == ERR_IO ||
        result == ERR_INTERRUPTED || result == ERR_INTERNAL)
        return true;
    return !c->removes && result != ERR_OK && result != ERR_DNS;
}

static void do_one(struct crowd *c, struct dns_desk *desk, size_t index)
{
    struct dns_many *one = &c->list[index];

    one->result = c->removes ? dns_desk_remove(desk, one->entry, &one->why)
                             : dns_desk_put(desk, c->arenas[index], one->entry,
                                            &one->is_there, &one->why);
    if (c->removes)
        one->is_there = one->result != ERR_OK;
}

/* Each thread has a line of its own. */
static void *work(void *argument)
{
    struct crowd *c = argument;
    struct dns_desk desk = *c->desk;
    struct err_info why = {0};
    size_t index = 0;
    enum err apart = dns_line_apart(&c->desk->worker, &desk.worker, &why);

    (void)pthread_mutex_lock(&c->lock);
    while (take_next(c, &index)) {
        (void)pthread_mutex_unlock(&c->lock);
        if (apart == ERR_OK) {
            do_one(c, &desk, index);
        } else {
            c->list[index].result = apart;
            c->list[index].why = why;
            c->list[index].is_there = c->removes;
        }
        (void)pthread_mutex_lock(&c->lock);
        c->running[index] = false;
        c->stop = c->stop || is_for_all(c, c->list[index].result);
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (apart == ERR_OK)
        dns_line_end(&desk.worker);
    return NULL;
}

static size_t thread_count(const struct crowd *c)
{
    size_t most = 0;

    for (size_t i = 0; i < c->count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++)
            is_first =
                strcmp(c->list[k].entry->dns.name, c->list[i].entry->dns.name) != 0;
        most += is_first ? most_of(&c->list[i].entry->dns) : 0;
    }
    if (most > c->count)
        most = c->count;
    return most < DNS_MANY_THREADS ? most : DNS_MANY_THREADS;
}

/* One after the other, where one thread would do the same. */
static void do_all_here(struct crowd *c)
{
    for (size_t i = 0; i < c->count && !c->stop; i++) {
        c->list[i].done = true;
        do_one(c, c->desk, i);
        c->stop = is_for_all(c, c->list[i].result);
    }
}

static void run(struct crowd *c)
{
    pthread_t threads[DNS_MANY_THREADS];
    size_t wanted = thread_count(c);
    size_t started = 0;

    if (wanted > 1)
        while (started < wanted && pthread_create(&threads[started], NULL, work, c) == 0)
            started++;
    if (started == 0)
        do_all_here(c);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
}

static void run_all(struct dns_desk *d, struct arena *a, struct dns_many *list,
                    size_t count, bool removes)
{
    struct crowd c = {.desk = d,
                      .list = list,
                      .count = count,
                      .removes = removes,
                      .running = arena_array(a, count + 1, sizeof(bool)),
                      .arenas = arena_array(a, count + 1, sizeof(struct arena *)),
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER};

    for (size_t i = 0; i < count && !removes; i++)
        c.arenas[i] = arena_new();
    run(&c);
    for (size_t i = 0; i < count && !removes; i++) {
        list[i].entry->task.note = arena_string(a, list[i].entry->task.note);
        arena_free(c.arenas[i]);
    }
}

void dns_many_add(struct dns_desk *d, struct arena *a, struct dns_many *list,
                  size_t count)
{
    run_all(d, a, list, count, false);
}

void dns_many_remove(struct dns_desk *d, struct dns_many *list, size_t count)
{
    AUTO(arena) struct arena *a = arena_new();

    run_all(d, a, list, count, true);
}
