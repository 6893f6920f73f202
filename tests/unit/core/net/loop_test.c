/* Tests of core/net/loop: work posted by other threads, timers, descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/loop.h"

#define POSTS   10000
#define THREADS 4

struct world {
    struct loop *loop;
    struct loop_timer *timers[3];
    struct loop_fd *watch;
    int fd;
    int seen;
    int rounds;
    int last[THREADS];
    int order[8];
    int order_count;
};

struct numbered {
    struct world *w;
    int thread;
    int number;
};

static struct world make(void)
{
    struct world w = {.fd = -1};
    struct err_info why = {0};

    assert_int_equal(loop_new(&w.loop, &why), ERR_OK);
    return w;
}

static void count(void *argument)
{
    struct numbered *n = argument;
    struct world *w = n->w;

    /* each thread's posts come in their order */
    assert_int_equal(n->number, w->last[n->thread] + 1);
    w->last[n->thread] = n->number;
    if (++w->seen == POSTS * THREADS)
        loop_stop(w->loop);
}

static void count_round(void *argument)
{
    struct world *w = argument;

    w->rounds++;
}

static struct numbered numbers[THREADS][POSTS];

static void *post_all(void *argument)
{
    struct numbered *mine = argument;

    for (int i = 0; i < POSTS; i++)
        loop_post(mine[0].w->loop, count, &mine[i]);
    return NULL;
}

static void posts(void **state)
{
    struct world w = make();
    pthread_t threads[THREADS];

    (void)state;
    loop_after_posts(w.loop, count_round, &w);
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < POSTS; i++)
            numbers[t][i] = (struct numbered){&w, t, i + 1};
        assert_int_equal(pthread_create(&threads[t], NULL, post_all, numbers[t]), 0);
    }
    loop_run(w.loop);
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    assert_int_equal(w.seen, POSTS * THREADS);
    assert_true(w.rounds > 0 && w.rounds <= POSTS * THREADS);
    loop_free(w.loop);
}

static void again(void *argument)
{
    struct world *w = argument;

    if (++w->seen == 3)
        loop_stop(w->loop);
    else
        loop_post(w->loop, again, w); /* from inside */
}

static void posts_from_inside(void **state)
{
    struct world w = make();

    (void)state;
    loop_post(w.loop, again, &w);
    loop_run(w.loop);
    assert_int_equal(w.seen, 3);
    loop_free(w.loop);
}

static void stops_before_it_runs(void **state)
{
    struct world w = make();

    (void)state;
    loop_stop(w.loop);
    loop_run(w.loop);
    loop_post(w.loop, again, &w); /* never run; nothing leaks */
    loop_free(w.loop);
    loop_free(NULL);
}

static void first(void *argument)
{
    struct world *w = argument;

    w->order[w->order_count++] = 1;
    loop_timer_clear(w->timers[1]);
    loop_timer_set(w->timers[2], 0);
}

static void never(void *argument)
{
    struct world *w = argument;

    w->order[w->order_count++] = 2;
}

static void last(void *argument)
{
    struct world *w = argument;

    w->order[w->order_count++] = 3;
    loop_stop(w->loop);
}

static void timers(void **state)
{
    struct world w = make();

    (void)state;
    w.timers[0] = loop_timer_new(w.loop, first, &w);
    w.timers[1] = loop_timer_new(w.loop, never, &w);
    w.timers[2] = loop_timer_new(w.loop, last, &w);
    loop_timer_set(w.timers[2], 100000);
    loop_timer_set(w.timers[1], 200);
    loop_timer_set(w.timers[0], 100000);
    loop_timer_set(w.timers[0], 1); /* replaces */
    loop_run(w.loop);
    assert_int_equal(w.order_count, 2);
    assert_int_equal(w.order[0], 1);
    assert_int_equal(w.order[1], 3);
    for (int i = 0; i < 3; i++)
        loop_timer_free(w.timers[i]);
    loop_timer_free(NULL);
    loop_free(w.loop);
}

/* Writable, then readable; then the watch is freed inside its own call. */
static void on_events(void *argument, int events)
{
    struct world *w = argument;
    char c;

    if (w->rounds++ == 0) {
        assert_int_equal(events, LOOP_WRITE);
        loop_fd_want(w->watch, LOOP_READ);
        assert_int_equal(write(w->fd, "ab", 2), 2);
        return;
    }
    assert_int_equal(events, LOOP_READ);
    assert_int_equal(read(w->order[0], &c, 1), 1);
    if (++w->seen < 2)
        return; /* it is called again: more is there */
    loop_fd_free(w->watch);
    w->watch = NULL;
    loop_stop(w->loop);
}

static void descriptors(void **state)
{
    struct world w = make();
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    w.order[0] = pair[0];
    w.fd = pair[1];
    w.watch = loop_fd_new(w.loop, pair[0], on_events, &w);
    loop_fd_want(w.watch, LOOP_WRITE);
    loop_run(w.loop);
    assert_int_equal(w.seen, 2);
    assert_null(w.watch);
    (void)close(pair[0]);
    (void)close(pair[1]);
    loop_free(w.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts),
        cmocka_unit_test(posts_from_inside),
        cmocka_unit_test(stops_before_it_runs),
        cmocka_unit_test(timers),
        cmocka_unit_test(descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
