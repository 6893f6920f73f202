/* Work on several certificates at the same time: processes that each do one after the
 * other, with keys, files and a crew of their own. Whoever has the pool has no key. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/span.h"

#define WORKER_POOL_MAX        64
#define WORKER_POOL_RECORD_MAX (1024 * 1024) /* octets that a worker says of its work */

/* Why a certificate is worked on. */
enum worker_pool_call {
    WORKER_POOL_DUE,    /* it is time */
    WORKER_POOL_ASKED,  /* somebody wants it now: what failed is not waited after */
    WORKER_POOL_FORCED, /* a new one, in any case */
};

struct worker_pool_options {
    size_t most;   /* processes, at most WORKER_POOL_MAX */
    bool once;     /* each works on one certificate, then ends */
    void *context; /* of the functions, which run in the workers */

    /* First of all: let go of what is the asker's own, such as sockets; NULL: nothing. */
    void (*begin)(void *context);

    /* Work on the certificate; what is to be known of it goes into `record`, whatever the
     * result. */
    enum err (*work)(void *context, struct arena *a, const char *name,
                     enum worker_pool_call call, struct buf *record,
                     struct err_info *why);

    /* Nothing more will be asked: end what was started. */
    void (*end)(void *context);
};

struct worker_pool;

/* No process is started yet. Free with worker_pool_free. */
struct worker_pool *worker_pool_new(const struct worker_pool_options *options);

/* Can another certificate be given? */
bool worker_pool_has_room(const struct worker_pool *pool);

/* How many are being worked on? */
size_t worker_pool_busy(const struct worker_pool *pool);

/* Have it worked on, by a process that is idle or a new one. There must be room. The
 * name is copied. ERR_INTERNAL. */
MUST_CHECK enum err worker_pool_give(struct worker_pool *pool, const char *name,
                                     enum worker_pool_call call, struct err_info *why);

struct worker_pool_result {
    const char *name; /* in the arena, as the record */
    enum worker_pool_call call;
    enum err result;
    struct err_info why;
    struct span record; /* empty if the process ended unexpectedly */
};

/* Take one that is done, waiting `wait_ms` at most (-1: until one is); false if none is,
 * or nothing is worked on. Signals do not end the wait: the workers have them, too. */
bool worker_pool_take(struct worker_pool *pool, struct arena *a, int wait_ms,
                      struct worker_pool_result *result);

/* What is to be polled for the next result; returns how many, WORKER_POOL_MAX at most. */
size_t worker_pool_poll(const struct worker_pool *pool, struct pollfd *polled);

/* Interrupt those that work: they clean up and say so. */
void worker_pool_interrupt(struct worker_pool *pool);

/* What is given from now on is for new processes, with what is in memory now; others end
 * as soon as they are done. */
void worker_pool_renew(struct worker_pool *pool);

/* End those that are idle, kill the others. NULL is fine. */
void worker_pool_free(struct worker_pool *pool);
static inline void worker_pool_auto(struct worker_pool **pool)
{
    worker_pool_free(*pool);
}
