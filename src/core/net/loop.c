/* An event loop on libevent's core; other threads reach it through a queue and one
 * eventfd. */
#include "core/net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/base/wake.h"

#define POSTS_FIRST_ROOM 64 /* entries */

struct post {
    void (*fn)(void *argument);
    void *argument;
};

struct posts {
    struct post *list; /* owned */
    size_t count;
    size_t room;
};

struct loop {
    struct event_base *base;
    int wake_fd; /* readable while posts wait */
    struct event wake;
    pthread_mutex_t lock; /* guards `waiting` */
    struct posts waiting;
    struct posts
        running; /* swapped with `waiting`, so that nothing runs under the lock */
    void (*after)(void *argument);
    void *after_argument;
};

struct loop_timer {
    struct event event;
    void (*fn)(void *argument);
    void *argument;
};

struct loop_fd {
    struct event read;
    struct event write;
    int wanted;
    void (*fn)(void *argument, int events);
    void *argument;
};

static void run_posts(evutil_socket_t fd, short what, void *argument)
{
    struct loop *loop = argument;
    struct posts batch;
    uint64_t count;

    (void)what;
    /* drained before the queue is taken: a post behind that finds it empty, and wakes */
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        abort(); /* our own eventfd, closed under us */
    (void)pthread_mutex_lock(&loop->lock);
    batch = loop->waiting;
    loop->waiting = loop->running;
    loop->running = batch;
    (void)pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < batch.count; i++)
        batch.list[i].fn(batch.list[i].argument);
    loop->running.count = 0;
    if (loop->after != NULL)
        loop->after(loop->after_argument);
}

static struct event_base *base_new(int flags)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    /* one thread uses the base; others only write the eventfd */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | flags) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static enum err make(int flags, struct loop **loop, struct err_info *why)
{
    struct loop *l = memory_get_zeroed(1, sizeof *l);

    (void)pthread_mutex_init(&l->lock, NULL);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->base = base_new(flags);
    if (l->wake_fd < 0 || l->base == NULL) {
        int os_error = errno;
        loop_free(l);
        return err_set_os(why, ERR_IO, os_error, "cannot make an event loop");
    }
    (void)event_assign(&l->wake, l->base, l->wake_fd, EV_READ | EV_PERSIST, run_posts, l);
    (void)event_add(&l->wake, NULL);
    *loop = l;
    return ERR_OK;
}

enum err loop_new(struct loop **loop, struct err_info *why)
{
    return make(0, loop, why);
}

enum err loop_new_brief(struct loop **loop, struct err_info *why)
{
    return make(EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST, loop, why);
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->base != NULL) {
        if (event_initialized(&loop->wake))
            (void)event_del(&loop->wake);
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop->waiting.list);
    free(loop->running.list);
    free(loop);
}

void loop_run(struct loop *loop)
{
    (void)event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static void stop_now(void *argument)
{
    struct loop *loop = argument;

    (void)event_base_loopbreak(loop->base);
}

void loop_stop(struct loop *loop)
{
    loop_post(loop, stop_now, loop);
}

static void wake_loop(void *argument)
{
    struct loop *loop = argument;
    const uint64_t one = 1;

    if (write(loop->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        abort(); /* our own eventfd, closed under us */
}

void loop_post(struct loop *loop, void (*fn)(void *argument), void *argument)
{
    struct posts *w = &loop->waiting;
    bool was_empty;

    (void)pthread_mutex_lock(&loop->lock);
    if (w->count == w->room) {
        w->room = w->room > 0 ? w->room * 2 : POSTS_FIRST_ROOM;
        w->list = memory_resize(w->list, w->room * sizeof *w->list);
    }
    was_empty = w->count == 0;
    w->list[w->count++] = (struct post){fn, argument};
    (void)pthread_mutex_unlock(&loop->lock);
    if (was_empty)
        wake_up(wake_loop, loop);
}

void loop_after_posts(struct loop *loop, void (*after)(void *argument), void *argument)
{
    loop->after = after;
    loop->after_argument = argument;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

static void timer_fires(evutil_socket_t fd, short what, void *argument)
{
    struct loop_timer *t = argument;

    (void)fd;
    (void)what;
    t->fn(t->argument);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *argument),
                                  void *argument)
{
    struct loop_timer *t = memory_get_zeroed(1, sizeof *t);

    t->fn = fn;
    t->argument = argument;
    (void)event_assign(&t->event, loop->base, -1, 0, timer_fires, t);
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (t == NULL)
        return;
    (void)event_del(&t->event);
    free(t);
}

void loop_timer_set(struct loop_timer *t, int64_t milliseconds)
{
    struct timeval wait = {milliseconds / 1000, milliseconds % 1000 * 1000};

    (void)event_add(&t->event, &wait);
}

void loop_timer_clear(struct loop_timer *t)
{
    (void)event_del(&t->event);
}

static void fd_readable(evutil_socket_t fd, short what, void *argument)
{
    struct loop_fd *w = argument;

    (void)fd;
    (void)what;
    w->fn(w->argument, LOOP_READ);
}

static void fd_writable(evutil_socket_t fd, short what, void *argument)
{
    struct loop_fd *w = argument;

    (void)fd;
    (void)what;
    w->fn(w->argument, LOOP_WRITE);
}

struct loop_fd *loop_fd_new(struct loop *loop, int fd,
                            void (*fn)(void *argument, int events), void *argument)
{
    struct loop_fd *w = memory_get_zeroed(1, sizeof *w);

    w->fn = fn;
    w->argument = argument;
    (void)event_assign(&w->read, loop->base, fd, EV_READ | EV_PERSIST, fd_readable, w);
    (void)event_assign(&w->write, loop->base, fd, EV_WRITE | EV_PERSIST, fd_writable, w);
    return w;
}

void loop_fd_free(struct loop_fd *w)
{
    if (w == NULL)
        return;
    loop_fd_want(w, 0);
    free(w);
}

void loop_fd_want(struct loop_fd *w, int events)
{
    int changed = w->wanted ^ events;

    w->wanted = events;
    if ((changed & LOOP_READ) != 0)
        (void)((events & LOOP_READ) != 0 ? event_add(&w->read, NULL)
                                         : event_del(&w->read));
    if ((changed & LOOP_WRITE) != 0)
        (void)((events & LOOP_WRITE) != 0 ? event_add(&w->write, NULL)
                                          : event_del(&w->write));
}
