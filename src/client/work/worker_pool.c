/* Workers. */
#include "client/work/worker_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/proc/wire.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#define FAILED      70         /* exit code of a worker that could not begin */
#define RECEIVE_US  60000000LL /* for the rest of a result whose beginning is there */
#define END_WAIT_MS 5000       /* for an idle worker to end */
#define END_STEP_MS 5

struct worker {
    pid_t pid; /* 0: free */
    int fd;
    bool renewed; /* it ends when it is done */
    enum worker_pool_call call;
    char *name; /* it works on; NULL: idle. Owned */
};

struct worker_pool {
    struct worker_pool_options options;
    struct worker workers[WORKER_POOL_MAX];
};

struct worker_pool *worker_pool_new(const struct worker_pool_options *options)
{
    struct worker_pool *pool = memory_get_zeroed(1, sizeof *pool);

    pool->options = *options;
    if (pool->options.most > WORKER_POOL_MAX)
        pool->options.most = WORKER_POOL_MAX;
    return pool;
}

/* ---- a worker ---- */

static enum err do_one(const struct worker_pool_options *o, struct arena *a,
                       const struct wire_message *m, int fd, struct err_info *why)
{
    AUTO(buf) struct buf record = buf_make(WORKER_POOL_RECORD_MAX);
    struct err_info outcome = {0};
    uint64_t call = 0;
    char code[16];
    char wait[16];

    if (m->type != WIRE_WORK || m->count != 2 ||
        !text_number(m->fields[1], WORKER_POOL_FORCED, &call))
        return err_set(why, ERR_PROTOCOL, "that is no work");
    enum err result = o->work(o->context, a, (const char *)m->fields[0].data,
                              (enum worker_pool_call)call, &record, &outcome);
    (void)snprintf(code, sizeof code, "%d", (int)result);
    (void)snprintf(wait, sizeof wait, "%d", outcome.retry_after_seconds);
    const struct wire_message done = {
        WIRE_DONE,
        {span_of(code), span_of(wait), span_of(outcome.detail), buf_span(&record)},
        4};
    return wire_send(fd, &done, why);
}

static int work(const struct worker_pool_options *o, int fd, pid_t parent)
{
    struct err_info why = {0};
    enum err result = ERR_OK;
    sigset_t none;

    if (o->begin != NULL)
        o->begin(o->context);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* who asks may have blocked some */
    /* whoever asks is gone: clean up and end */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        return FAILED;
    while (result == ERR_OK) {
        AUTO(arena) struct arena *a = arena_new();
        struct wire_message m;
        result = wire_receive(a, fd, &m, NULL, &why);
        if (result == ERR_OK)
            result = do_one(o, a, &m, fd, &why);
    }
    o->end(o->context);
    return EXIT_SUCCESS;
}

/* A worker that held the sockets of others would keep them from seeing that whoever asks
 * is gone. */
static void close_others(const struct worker_pool *pool)
{
    for (size_t i = 0; i < WORKER_POOL_MAX; i++)
        if (pool->workers[i].pid != 0)
            (void)close(pool->workers[i].fd);
}

static enum err start(struct worker_pool *pool, struct worker *w, struct err_info *why)
{
    int ends[2];
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_os(why, ERR_INTERNAL, errno, "cannot make a socket");
    (void)fflush(NULL); /* or both would write what waits */
    pid_t pid = fork();
    if (pid == 0) {
        close_others(pool);
        (void)close(ends[0]);
        _exit(work(&pool->options, ends[1], parent));
    }
    int reason = errno;
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return err_set_os(why, ERR_INTERNAL, reason, "cannot start a process");
    }
    *w = (struct worker){.pid = pid, .fd = ends[0], .renewed = pool->options.once};
    return ERR_OK;
}

/* ---- the pool ---- */

/* Its socket is closed, which ends one that is idle; `at_once` kills it. */
static void end(struct worker *w, bool at_once, int *status)
{
    int ignored = 0;
    int waited = 0;

    (void)close(w->fd);
    if (at_once)
        (void)kill(w->pid, SIGKILL);
    if (status == NULL)
        status = &ignored;
    for (;;) {
        pid_t ended = waitpid(w->pid, status, at_once ? 0 : WNOHANG);
        if (ended == w->pid || (ended < 0 && errno != EINTR))
            break;
        if (ended == 0) {
            (void)poll(NULL, 0, END_STEP_MS);
            waited += END_STEP_MS;
        }
        if (waited >= END_WAIT_MS) {
            (void)kill(w->pid, SIGKILL);
            at_once = true;
        }
    }
    free(w->name);
    *w = (struct worker){0};
}

static bool is_idle(const struct worker *w)
{
    return w->pid != 0 && w->name == NULL;
}

size_t worker_pool_busy(const struct worker_pool *pool)
{
    size_t busy = 0;

    for (size_t i = 0; i < WORKER_POOL_MAX; i++)
        busy += pool->workers[i].name != NULL;
    return busy;
}

bool worker_pool_has_room(const struct worker_pool *pool)
{
    return worker_pool_busy(pool) < pool->options.most;
}

/* An idle one, else a free place. */
static struct worker *choose(struct worker_pool *pool)
{
    struct worker *place = NULL;

    for (size_t i = 0; i < WORKER_POOL_MAX; i++) {
        struct worker *w = &pool->workers[i];
        if (is_idle(w))
            return w;
        if (w->pid == 0 && place == NULL)
            place = w;
    }
    return place;
}

enum err worker_pool_give(struct worker_pool *pool, const char *name,
                          enum worker_pool_call call, struct err_info *why)
{
    const char digit[] = {(char)('0' + call), '\0'};
    const struct wire_message m = {WIRE_WORK, {span_of(name), span_of(digit)}, 2};
    struct worker *w = choose(pool);

    if (w != NULL && w->pid != 0 && wire_send(w->fd, &m, why) != ERR_OK)
        end(w, true, NULL); /* an idle one that has ended; another is started */
    if (w != NULL && w->pid == 0) {
        TRY(start(pool, w, why));
        TRY(wire_send(w->fd, &m, why));
    }
    if (w == NULL)
        return err_set(why, ERR_INTERNAL, "no worker is free");
    w->name = memory_copy_string(name);
    w->call = call;
    return ERR_OK;
}

static void describe_end(struct worker *w, struct worker_pool_result *r)
{
    int status = 0;

    end(w, true, &status);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        r->result = err_set(&r->why, ERR_INTERNAL,
                            "the process that worked on it was ended by signal %d",
                            WTERMSIG(status));
    else
        r->result = err_set(&r->why, ERR_INTERNAL,
                            "the process that worked on it ended unexpectedly");
}

static bool read_done(struct arena *a, const struct worker *w,
                      struct worker_pool_result *r)
{
    struct wire_message m;
    struct err_info why = {0};
    uint64_t code = 0;
    uint64_t wait = 0;

    if (wire_receive_until(a, w->fd, &m, clock_monotonic_us() + RECEIVE_US, &why) !=
            ERR_OK ||
        m.type != WIRE_DONE || m.count != 4 ||
        !text_number(m.fields[0], ERR_COUNT - 1, &code) ||
        !text_number(m.fields[1], INT32_MAX, &wait))
        return false;
    r->result = (enum err)code;
    if (code != ERR_OK)
        (void)err_set(&r->why, r->result, "%s", (const char *)m.fields[2].data);
    r->why.retry_after_seconds = (int)wait;
    r->record = m.fields[3];
    return true;
}

static void take(struct arena *a, struct worker *w, struct worker_pool_result *result)
{
    struct worker_pool_result r = {.name = arena_string(a, w->name), .call = w->call};

    if (!read_done(a, w, &r)) {
        describe_end(w, &r);
    } else {
        free(w->name);
        w->name = NULL;
        if (w->renewed)
            end(w, false, NULL); /* what it was given it has done */
    }
    *result = r;
}

size_t worker_pool_poll(const struct worker_pool *pool, struct pollfd *polled)
{
    size_t count = 0;

    for (size_t i = 0; i < WORKER_POOL_MAX; i++)
        if (pool->workers[i].name != NULL)
            polled[count++] =
                (struct pollfd){.fd = pool->workers[i].fd, .events = POLLIN};
    return count;
}

bool worker_pool_take(struct worker_pool *pool, struct arena *a, int wait_ms,
                      struct worker_pool_result *result)
{
    struct pollfd polled[WORKER_POOL_MAX];
    int64_t end_us = clock_monotonic_us() + wait_ms * 1000LL;
    size_t count = worker_pool_poll(pool, polled);
    int ready = 0;

    while (count > 0 && ready <= 0) {
        int64_t left = wait_ms < 0 ? -1 : (end_us - clock_monotonic_us() + 999) / 1000;
        if (wait_ms >= 0 && left < 0)
            left = 0;
        ready = poll(polled, count, (int)left);
        if (ready == 0 && wait_ms >= 0)
            return false;
    }
    for (size_t p = 0; p < count; p++) {
        if (polled[p].revents == 0)
            continue;
        for (size_t i = 0; i < WORKER_POOL_MAX; i++) {
            struct worker *w = &pool->workers[i];
            if (w->name == NULL || w->fd != polled[p].fd)
                continue;
            take(a, w, result);
            return true;
        }
    }
    return false;
}

void worker_pool_interrupt(struct worker_pool *pool)
{
    for (size_t i = 0; i < WORKER_POOL_MAX; i++)
        if (pool->workers[i].name != NULL)
            (void)kill(pool->workers[i].pid, SIGTERM);
}

void worker_pool_renew(struct worker_pool *pool)
{
    for (size_t i = 0; i < WORKER_POOL_MAX; i++) {
        struct worker *w = &pool->workers[i];
        w->renewed = w->renewed || w->name != NULL;
        if (is_idle(w))
            end(w, false, NULL);
    }
}

void worker_pool_free(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < WORKER_POOL_MAX; i++)
        if (pool->workers[i].pid != 0)
            end(&pool->workers[i], pool->workers[i].name != NULL, NULL);
    free(pool);
}
