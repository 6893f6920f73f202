/* Questions of the front that are answered by threads. */
#include "server/signer/signer_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "server/signer/signer_watch.h"

#define PATIENCE_S 1 /* at the end, with threads that still answer */

struct question {
    struct question *next;
    struct buf frame; /* what the spans of the message point into */
    struct ipc_message message;
};

struct worker {
    pthread_t thread;
    struct signer_desk *desk;
    void *context;
    size_t place;
};

struct signer_desk {
    signer_desk_answer *answer;
    struct signer_watch *watch;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    struct question *first;
    struct question **last;
    size_t waiting;
    size_t busy;
    size_t count;
    size_t ended;
    bool settling;
    bool ending;
    struct worker *workers;
};

static void drop(struct question *q)
{
    buf_free(&q->frame);
    free(q);
}

/* The next one, or NULL at the end. */
static struct question *take(struct signer_desk *d)
{
    while (!d->ending && (d->first == NULL || d->settling))
        (void)pthread_cond_wait(&d->changed, &d->lock);
    if (d->ending)
        return NULL;
    struct question *q = d->first;
    d->first = q->next;
    if (d->first == NULL)
        d->last = &d->first;
    d->waiting--;
    d->busy++;
    (void)pthread_cond_broadcast(&d->changed);
    return q;
}

static void *work(void *context)
{
    struct worker *w = context;
    struct signer_desk *d = w->desk;
    struct question *q;

    pthread_mutex_lock(&d->lock);
    while ((q = take(d)) != NULL) {
        pthread_mutex_unlock(&d->lock);
        signer_watch_begin(d->watch, w->place);
        d->answer(w->context, &q->message);
        signer_watch_end(d->watch, w->place);
        drop(q);
        pthread_mutex_lock(&d->lock);
        d->busy--;
        (void)pthread_cond_broadcast(&d->changed);
    }
    d->ended++;
    (void)pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

struct signer_desk *signer_desk_new(signer_desk_answer *answer, void *const *workers,
                                    size_t count, int64_t limit_ms)
{
    struct signer_desk *d = memory_get_zeroed(1, sizeof *d);
    pthread_condattr_t how;

    d->answer = answer;
    d->watch = signer_watch_new(count, limit_ms);
    d->last = &d->first;
    d->count = count;
    d->workers = memory_get_zeroed(count, sizeof *d->workers);
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_condattr_init(&how);
    (void)pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&d->changed, &how);
    (void)pthread_condattr_destroy(&how);
    for (size_t i = 0; i < count; i++) {
        d->workers[i] = (struct worker){.desk = d, .context = workers[i], .place = i};
        if (pthread_create(&d->workers[i].thread, NULL, work, &d->workers[i]) != 0)
            abort(); /* as without memory */
    }
    return d;
}

enum err signer_desk_put(struct signer_desk *d, const struct ipc_message *question,
                         struct err_info *why)
{
    struct question *q = memory_get_zeroed(1, sizeof *q);
    struct ipc_message copy = *question;

    q->frame = buf_make(IPC_BODY_MAX + 64);
    enum err result = ipc_encode(&q->frame, question, why);
    if (result == ERR_OK)
        result = ipc_decode(buf_span(&q->frame), &q->message, why);
    if (result != ERR_OK) {
        drop(q);
        return result;
    }
    const int *descriptor = ipc_descriptor(&copy);
    if (descriptor != NULL)
        *ipc_descriptor(&q->message) = *descriptor;
    pthread_mutex_lock(&d->lock);
    while (d->waiting >= SIGNER_DESK_WAITING_MAX)
        (void)pthread_cond_wait(&d->changed, &d->lock);
    *d->last = q;
    d->last = &q->next;
    d->waiting++;
    (void)pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    return ERR_OK;
}

void signer_desk_settle(struct signer_desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->settling = true;
    while (d->busy > 0)
        (void)pthread_cond_wait(&d->changed, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

void signer_desk_resume(struct signer_desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->settling = false;
    (void)pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

/* False if they take too long. */
static bool wait_for_the_end(struct signer_desk *d)
{
    int64_t now_us = clock_monotonic_us();
    const struct timespec until = {now_us / 1000000 + PATIENCE_S,
                                   now_us % 1000000 * 1000};
    int result = 0;

    pthread_mutex_lock(&d->lock);
    d->ending = true;
    (void)pthread_cond_broadcast(&d->changed);
    while (d->ended < d->count && result == 0)
        result = pthread_cond_timedwait(&d->changed, &d->lock, &until);
    bool ended = d->ended == d->count;
    pthread_mutex_unlock(&d->lock);
    return ended;
}

void signer_desk_free(struct signer_desk *d)
{
    if (d == NULL)
        return;
    if (!wait_for_the_end(d)) {
        log_event(LOG_LEVEL_WARNING, "signer.module_hangs",
                  "reason=\"a PKCS #11 module does not come back; not waited for\"");
        _exit(EXIT_SUCCESS);
    }
    for (size_t i = 0; i < d->count; i++)
        (void)pthread_join(d->workers[i].thread, NULL);
    while (d->first != NULL) {
        struct question *q = d->first;
        d->first = q->next;
        const int *descriptor = ipc_descriptor(&q->message);
        if (descriptor != NULL && *descriptor >= 0)
            (void)close(*descriptor);
        drop(q);
    }
    signer_watch_free(d->watch);
    (void)pthread_cond_destroy(&d->changed);
    (void)pthread_mutex_destroy(&d->lock);
    free(d->workers);
    free(d);
}
