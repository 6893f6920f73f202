/* Many certificates, several at the same time: what renew and apply have in common. */
#pragma once

#include "client/work/work.h"
#include "client/work/worker_pool.h"

/* What became of one. */
struct work_many_result {
    const char *name;
    enum err result;
    struct err_info why;
    enum work_outcome outcome; /* if the result is ERR_OK */
    const char *reason;        /* of WORK_WAITING: a sentence; else "" */
    const char *path;          /* folder that shows it; "" if there is none */
    int64_t not_after;         /* seconds; 0: there is none */
    int64_t due;               /* when it is to be renewed */
};

/* Bring each of these certificates to what is wanted (work_certificate): those that need
 * nothing are looked at only; of the others settings' renewal.parallel are worked on at a
 * time, by processes of their own if there are several. `done` is called once for each,
 * in the order in which they are done, whatever became of it. When a signal comes no
 * other is begun. `k->crew` must not have seen a key. ERR_INTERRUPTED, ERR_INTERNAL. */
MUST_CHECK enum err work_many(const struct work *k, const struct settings *settings,
                              const char *const *names, size_t count,
                              void (*done)(void *context,
                                           const struct work_many_result *result),
                              void *context, struct err_info *why);

/* One certificate by work_certificate, and everything that is to be known of it; `w` is
 * NULL if what is wanted could not be found, as r->result and r->why say already. */
void work_many_one(struct arena *a, const struct work *k, const struct wanted *w,
                   struct work_many_result *r);

/* In one word: issued, deployed, waiting, unchanged or failed. */
const char *work_many_outcome(const struct work_many_result *r);

/* All certificates: those of the settings and those in the state folder that are
 * remembered, sorted, each once. ERR_IO. */
MUST_CHECK enum err work_many_names(struct arena *a, const char *directory,
                                    const struct settings *settings,
                                    const char *const **names, size_t *count,
                                    struct err_info *why);

/* ---- for a worker_pool (the agent has one of its own) ---- */

struct work_many_context {
    struct work work; /* its crew is of the worker */
    const struct settings *settings;
    struct crew crew;
    const char *const *names; /* that it may be given, whose files it will see; NULL: each
                                 worker is given one only, and sees those of that */
    size_t name_count;
    bool prepares; /* each worker finishes first what a killed run left (issuing_prepare)
                    */
    void *asker;   /* of who has the pool */
};

/* A worker's function; `context` is a struct work_many_context. */
enum err work_many_work(void *context, struct arena *a, const char *name,
                        enum worker_pool_call call, struct buf *record,
                        struct err_info *why);

/* A worker's end. */
void work_many_end(void *context);

/* What a worker's record says, into `r`, whose name, result and sentence are set. */
void work_many_read(struct arena *a, struct span record, struct work_many_result *r);
