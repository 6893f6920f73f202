/* Randomness from the kernel. A small pool per thread saves a system call per token. */
#include "core/base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/memory.h"

#define POOL_SIZE 512 /* octets; drawn once, wiped as they are used */

static _Thread_local uint8_t pool[POOL_SIZE];
static _Thread_local size_t pool_used = POOL_SIZE;
static _Thread_local unsigned int pool_forks;

/* Processes that led to this one: what was drawn before is known to another one, too. */
static unsigned int forks;

static void count_fork(void)
{
    forks++;
}

__attribute__((constructor)) static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, count_fork) != 0)
        abort();
}

static void draw(uint8_t *to, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(to, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        to += got;
        size -= (size_t)got;
    }
}

void random_fill(void *data, size_t size)
{
    if (size > POOL_SIZE / 2) {
        draw(data, size);
        return;
    }
    if (POOL_SIZE - pool_used < size || pool_forks != forks) {
        draw(pool, POOL_SIZE);
        pool_used = 0;
        pool_forks = forks;
    }
    memcpy(data, pool + pool_used, size);
    memory_wipe(pool + pool_used, size);
    pool_used += size;
}

uint64_t random_below(uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value;

    do {
        random_fill(&value, sizeof value);
    } while (value >= limit);
    return value % bound;
}
