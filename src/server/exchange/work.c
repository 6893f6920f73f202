/* Worker threads with one shared queue. */
#include "server/exchange/work.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/base/wake.h"

struct worker {
    struct work_pool *pool;
    struct store_session *session;
    pthread_t thread;
    bool started;
};

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work_job *first;
    struct work_job **last;
    unsigned int idle;
    bool stopping;
    unsigned int count;
    struct worker workers[];
};

static struct work_job *take(struct work_pool *pool)
{
    struct work_job *job;

    pthread_mutex_lock(&pool->lock);
    pool->idle++;
    while (pool->first == NULL && !pool->stopping)
        pthread_cond_wait(&pool->wake, &pool->lock);
    pool->idle--;
    job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *worker_main(void *argument)
{
    struct worker *w = argument;
    struct work_job *job;

    while ((job = take(w->pool)) != NULL)
        job->run(job, w->session);
    return NULL;
}

enum err work_pool_open(struct store *store, unsigned int threads,
                        struct work_pool **pool, struct err_info *why)
{
    struct work_pool *p =
        memory_get_zeroed(1, sizeof *p + threads * sizeof p->workers[0]);

    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->last = &p->first;
    p->count = threads;
    for (unsigned int i = 0; i < threads; i++) {
        struct worker *w = &p->workers[i];
        w->pool = p;
        enum err result = store_session_open(store, &w->session, why);
        if (result != ERR_OK) {
            work_pool_free(p);
            return result;
        }
    }
    *pool = p;
    return ERR_OK;
}

enum err work_pool_start(struct work_pool *pool, struct err_info *why)
{
    for (unsigned int i = 0; i < pool->count; i++) {
        struct worker *w = &pool->workers[i];
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
            return err_set(why, ERR_INTERNAL, "cannot start a worker thread");
        w->started = true;
    }
    return ERR_OK;
}

enum err work_pool_new(struct store *store, unsigned int threads, struct work_pool **pool,
                       struct err_info *why)
{
    struct work_pool *p = NULL;

    TRY(work_pool_open(store, threads, &p, why));
    enum err result = work_pool_start(p, why);
    if (result != ERR_OK) {
        work_pool_free(p);
        return result;
    }
    *pool = p;
    return ERR_OK;
}

void work_pool_free(struct work_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned int i = 0; i < pool->count; i++) {
        if (pool->workers[i].started)
            pthread_join(pool->workers[i].thread, NULL);
        store_session_close(pool->workers[i].session);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void wake_worker(void *argument)
{
    struct work_pool *pool = argument;

    pthread_cond_signal(&pool->wake);
}

void work_pool_add(struct work_pool *pool, struct work_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->last = job;
    pool->last = &job->next;
    bool wake = pool->idle > 0;
    pthread_mutex_unlock(&pool->lock);
    /* not while the lock is held: the worker would wake only to wait for it */
    if (wake)
        wake_up(wake_worker, pool);
}
