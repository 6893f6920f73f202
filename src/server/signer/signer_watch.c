/* Who watches that nothing takes too long. */
#include "server/signer/signer_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#define LOOK_US 200000 /* between two looks */

struct signer_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    int64_t limit_us;
    size_t places;
    _Atomic int64_t *since; /* microseconds; 0: nothing is under way */
};

static void look(const struct signer_watch *w)
{
    int64_t now = clock_monotonic_us();

    for (size_t i = 0; i < w->places; i++) {
        int64_t since = atomic_load(&w->since[i]);
        if (since == 0 || now - since <= w->limit_us)
            continue;
        log_event(LOG_LEVEL_ERROR, "signer.module_hangs",
                  "milliseconds=%lld reason=\"a PKCS #11 module does not come back: this "
                  "process ends, and the next one asks it again; see whether the device "
                  "and its programs answer (pkcs11.timeout)\"",
                  (long long)(now - since) / 1000);
        _exit(EXIT_FAILURE);
    }
}

static void *run(void *context)
{
    struct signer_watch *w = context;

    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        int64_t due_us = clock_monotonic_us() + LOOK_US;
        const struct timespec until = {due_us / 1000000, due_us % 1000000 * 1000};
        (void)pthread_cond_timedwait(&w->stop, &w->lock, &until);
        look(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct signer_watch *signer_watch_new(size_t places, int64_t limit_ms)
{
    struct signer_watch *w = memory_get_zeroed(1, sizeof *w);
    pthread_condattr_t how;

    w->limit_us = limit_ms * 1000;
    w->places = places;
    w->since = memory_get_zeroed(places, sizeof *w->since);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&how);
    (void)pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->stop, &how);
    (void)pthread_condattr_destroy(&how);
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort(); /* as without memory */
    return w;
}

void signer_watch_begin(struct signer_watch *w, size_t place)
{
    atomic_store(&w->since[place], clock_monotonic_us());
}

void signer_watch_end(struct signer_watch *w, size_t place)
{
    atomic_store(&w->since[place], 0);
}

void signer_watch_free(struct signer_watch *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_signal(&w->stop);
    pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->stop);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->since);
    free(w);
}
