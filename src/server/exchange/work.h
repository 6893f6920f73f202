/* Worker threads: jobs are run in the order they came, each by one thread, with that
 * thread's store session. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "server/store/store.h"

struct work_pool;

/* One thing to do; embedded in what it is about. The pool never frees it. */
struct work_job {
    void (*run)(struct work_job *job, struct store_session *session);
    struct work_job *next; /* the pool's, while queued */
};

/* `threads` workers, each with a session of `store`, not started yet: so that the files
 * can be opened before a process gives up the right to. Free with work_pool_free. */
MUST_CHECK enum err work_pool_open(struct store *store, unsigned int threads,
                                   struct work_pool **pool, struct err_info *why);
MUST_CHECK enum err work_pool_start(struct work_pool *pool, struct err_info *why);

/* Both in one. */
MUST_CHECK enum err work_pool_new(struct store *store, unsigned int threads,
                                  struct work_pool **pool, struct err_info *why);

/* Let the queue run empty, end the threads, free. NULL is fine. */
void work_pool_free(struct work_pool *pool);

/* Queue a job, from any thread. */
void work_pool_add(struct work_pool *pool, struct work_job *job);
