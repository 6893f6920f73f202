/* Tests of client/work/worker_pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/work/worker_pool.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"

struct world {
    const char *text; /* what workers see of our memory */
};

/* What a test has a worker do is in the name. */
static enum err work(void *context, struct arena *a, const char *name,
                     enum worker_pool_call call, struct buf *record, struct err_info *why)
{
    const struct world *w = context;

    (void)a;
    buf_printf(record, "%s %s %d %d", name, w->text, call == WORKER_POOL_FORCED,
               (int)getpid());
    if (strncmp(name, "sleep", 5) == 0 && !interrupt_sleep_ms(60000))
        return err_set(why, ERR_INTERRUPTED, "interrupted");
    if (strncmp(name, "nap", 3) == 0)
        (void)interrupt_sleep_ms(100);
    if (strncmp(name, "die", 3) == 0)
        (void)raise(SIGALRM);
    if (strncmp(name, "exit", 4) == 0)
        _exit(3);
    if (strncmp(name, "fail", 4) == 0) {
        (void)err_set(why, ERR_RATE_LIMITED, "too many of %s", name);
        why->retry_after_seconds = 77;
        return ERR_RATE_LIMITED;
    }
    return ERR_OK;
}

static void end(void *context)
{
    (void)context;
}

static struct worker_pool *make(struct world *w, size_t most)
{
    const struct worker_pool_options options = {
        .most = most, .context = w, .work = work, .end = end};

    return worker_pool_new(&options);
}

static void give(struct worker_pool *pool, const char *name, bool forced)
{
    struct err_info why = {0};

    assert_true(worker_pool_has_room(pool));
    assert_int_equal(
        worker_pool_give(pool, name, forced ? WORKER_POOL_FORCED : WORKER_POOL_DUE, &why),
        ERR_OK);
}

static int pid_of(const struct worker_pool_result *r)
{
    int pid = 0;

    assert_int_equal(sscanf((const char *)r->record.data, "%*s %*s %*d %d", &pid), 1);
    return pid;
}

static void one_after_the_other(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"first"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 1);
    struct worker_pool_result r;
    int pid = 0;

    (void)state;
    assert_false(worker_pool_take(pool, a, -1, &r));
    for (int i = 0; i < 3; i++) {
        give(pool, "a.test", i == 1);
        assert_false(worker_pool_has_room(pool));
        assert_true(worker_pool_take(pool, a, -1, &r));
        assert_int_equal(r.result, ERR_OK);
        assert_string_equal(r.name, "a.test");
        assert_int_equal(r.call, i == 1 ? WORKER_POOL_FORCED : WORKER_POOL_DUE);
        assert_true(pid_of(&r) != getpid() && (pid == 0 || pid == pid_of(&r)));
        pid = pid_of(&r);
    }
    assert_int_equal(worker_pool_busy(pool), 0);
}

static void at_the_same_time(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"x"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 8);
    struct worker_pool_result r;
    int pids[8];

    (void)state;
    for (int i = 0; i < 8; i++)
        give(pool, arena_printf(a, "nap%d", i), false);
    assert_false(worker_pool_has_room(pool));
    for (int i = 0; i < 8; i++) {
        assert_true(worker_pool_take(pool, a, -1, &r));
        pids[i] = pid_of(&r);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(pids[i], pids[j]);
    }
}

static void failures_come_back(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"x"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 2);
    struct worker_pool_result r;

    (void)state;
    give(pool, "fail.test", false);
    assert_true(worker_pool_take(pool, a, -1, &r));
    assert_int_equal(r.result, ERR_RATE_LIMITED);
    assert_string_equal(r.why.detail, "too many of fail.test");
    assert_int_equal(r.why.retry_after_seconds, 77);
    assert_int_equal(strncmp((const char *)r.record.data, "fail.test x 0", 13), 0);
}

static void one_that_dies_is_another_s_place(void **state)
{
    static const char *const names[] = {"die", "exit"};
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"x"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 1);
    struct worker_pool_result r;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        give(pool, names[i], false);
        assert_true(worker_pool_take(pool, a, -1, &r));
        assert_int_equal(r.result, ERR_INTERNAL);
        assert_string_equal(r.name, names[i]);
        assert_int_equal(r.record.len, 0);
        assert_true((strstr(r.why.detail, "signal 14") != NULL) == (i == 0));
        give(pool, "good", false);
        assert_true(worker_pool_take(pool, a, -1, &r));
        assert_int_equal(r.result, ERR_OK);
    }
}

/* Killed while it was idle: the next work finds another. */
static void one_that_is_gone(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"x"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 1);
    struct worker_pool_result r;

    (void)state;
    give(pool, "one", false);
    assert_true(worker_pool_take(pool, a, -1, &r));
    int pid = pid_of(&r);
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)usleep(100000);
    give(pool, "two", false);
    assert_true(worker_pool_take(pool, a, -1, &r));
    assert_int_equal(r.result, ERR_OK);
    assert_int_not_equal(pid_of(&r), pid);
}

static void waiting_ends(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"x"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 2);
    struct worker_pool_result r;

    (void)state;
    give(pool, "sleep", false);
    assert_false(worker_pool_take(pool, a, 0, &r));
    assert_false(worker_pool_take(pool, a, 30, &r));
    assert_int_equal(worker_pool_busy(pool), 1);
    worker_pool_interrupt(pool);
    assert_true(worker_pool_take(pool, a, -1, &r));
    assert_int_equal(r.result, ERR_INTERRUPTED);
    give(pool, "sleep again", false); /* left to worker_pool_free */
}

static void new_memory_for_new_workers(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    struct world w = {"old"};
    AUTO(worker_pool) struct worker_pool *pool = make(&w, 2);
    struct worker_pool_result r;

    (void)state;
    give(pool, "idle", false);
    assert_true(worker_pool_take(pool, a, -1, &r));
    give(pool, "nap", false);
    w.text = "new";
    worker_pool_renew(pool);
    assert_true(worker_pool_take(pool, a, -1, &r));
    assert_int_equal(strncmp((const char *)r.record.data, "nap old", 7), 0);
    give(pool, "next", false);
    assert_true(worker_pool_take(pool, a, -1, &r));
    assert_int_equal(strncmp((const char *)r.record.data, "next new", 8), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(at_the_same_time),
        cmocka_unit_test(failures_come_back),
        cmocka_unit_test(one_that_dies_is_another_s_place),
        cmocka_unit_test(one_that_is_gone),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(new_memory_for_new_workers),
    };

    interrupt_watch();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
