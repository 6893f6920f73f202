/* Tests of server/exchange/exchange: refusals, their Retry-After, and waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "server/exchange/exchange.h"

static char folder[64];
static struct services services;
static struct arena *arena;

/* What the test waits for. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int finished_count;

static void on_finished(struct exchange *x)
{
    (void)x;
    pthread_mutex_lock(&lock);
    finished_count++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void start(struct exchange *x, exchange_step *step, void *owner)
{
    memset(x, 0, sizeof *x);
    x->services = &services;
    x->arena = arena;
    x->step = step;
    x->method = "GET";
    x->path = "/";
    x->finished = on_finished;
    x->owner = owner;
    finished_count = 0;
    exchange_start(x);
}

static void wait_for_it(void)
{
    pthread_mutex_lock(&lock);
    while (finished_count == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static const char *header_of(const struct exchange *x, const char *name)
{
    for (size_t i = 0; i < x->reply.header_count; i++)
        if (strcmp(x->reply.headers[i].name, name) == 0)
            return x->reply.headers[i].value;
    return NULL;
}

struct refusal {
    enum err code;
    int retry_after;
};

static enum err refuse_step(struct exchange *x, struct err_info *why)
{
    const struct refusal *r = x->owner;

    buf_add_text(&x->reply.body, "half an answer");
    (void)err_set(why, r->code, "a detail");
    why->retry_after_seconds = r->retry_after;
    return r->code;
}

/* Faults of ours say when to come again; mistakes of the client do not. */
static void retry_after(void **state)
{
    static const struct {
        struct refusal refusal;
        int status;
        const char *wanted;
    } rows[] = {
        {{ERR_MALFORMED, 0}, 400, NULL},     {{ERR_UNAUTHORIZED, 0}, 403, NULL},
        {{ERR_RATE_LIMITED, 70}, 429, "70"}, {{ERR_UNAVAILABLE, 5}, 503, "5"},
        {{ERR_UNAVAILABLE, 0}, 503, "10"},   {{ERR_INTERNAL, 0}, 500, "10"},
        {{ERR_STORE, 0}, 500, "5"},          {{ERR_IO, 0}, 500, "10"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x;
        struct refusal refusal = rows[i].refusal;
        start(&x, refuse_step, &refusal);
        wait_for_it();
        assert_int_equal(x.reply.status, rows[i].status);
        assert_string_equal(x.reply.content_type, "application/problem+json");
        assert_int_equal(strncmp((const char *)x.reply.body.data, "{\"type\":", 8), 0);
        if (rows[i].wanted == NULL)
            assert_null(header_of(&x, "Retry-After"));
        else
            assert_string_equal(header_of(&x, "Retry-After"), rows[i].wanted);
        buf_free(&x.reply.body);
    }
}

struct waiting {
    int64_t hold_us;
    int looked; /* times the second step ran */
    int good_at;
    pthread_barrier_t *parked;
};

static enum err look(struct exchange *x, struct err_info *why)
{
    struct waiting *w = x->owner;

    (void)why;
    if (++w->looked < w->good_at) {
        exchange_park(x, look, clock_monotonic_us() + w->hold_us);
        return ERR_OK;
    }
    exchange_reply_set(x, 200, "text/plain");
    return ERR_OK;
}

static enum err park(struct exchange *x, struct err_info *why)
{
    struct waiting *w = x->owner;

    (void)why;
    exchange_park(x, look, clock_monotonic_us() + w->hold_us);
    if (w->parked != NULL)
        pthread_barrier_wait(w->parked);
    return ERR_OK;
}

/* The deadline runs it again, as often as it parks. */
static void deadline(void **state)
{
    struct waiting w = {.hold_us = 20000, .good_at = 3};
    struct exchange x;

    (void)state;
    int64_t begun = clock_monotonic_us();
    start(&x, park, &w);
    wait_for_it();
    assert_int_equal(x.reply.status, 200);
    assert_int_equal(w.looked, 3);
    assert_true(clock_monotonic_us() - begun >= 60000);
    buf_free(&x.reply.body);
}

/* Waking it is enough, also while the step that parks still runs; waking twice is once.
 */
static void woken(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        pthread_barrier_t parked;
        struct waiting w = {
            .hold_us = INT64_C(3600) * 1000000, .good_at = 1, .parked = &parked};
        struct exchange x;
        pthread_barrier_init(&parked, NULL, 2);
        start(&x, park, &w);
        if (round % 2 == 0)
            exchange_resume(&x); /* perhaps before it ran at all: no effect */
        pthread_barrier_wait(&parked);
        exchange_resume(&x);
        wait_for_it();
        assert_int_equal(x.reply.status, 200);
        assert_int_equal(w.looked, 1);
        pthread_barrier_destroy(&parked);
        buf_free(&x.reply.body);
    }
}

static void urls(void **state)
{
    static const struct settings settings = {.base = "https://ca.test"};
    struct services s = {.settings = &settings};
    struct exchange x = {.services = &s, .arena = arena};

    (void)state;
    assert_string_equal(exchange_url(&x, "directory", 0),
                        "https://ca.test/acme/directory");
    assert_string_equal(exchange_url(&x, "order", INT64_MAX),
                        "https://ca.test/acme/order/9223372036854775807");
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    (void)snprintf(folder, sizeof folder, "/tmp/cairn-exchange-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    if (store_open(arena_printf(arena, "%s/cairn.db", folder), &services.store, NULL) !=
        ERR_OK)
        return -1;
    if (work_pool_new(services.store, 2, &services.workers, NULL) != ERR_OK)
        return -1;
    return exchange_clock_start(NULL) == ERR_OK ? 0 : -1;
}

static int drop(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    exchange_clock_stop();
    work_pool_free(services.workers);
    store_close(services.store);
    int result = nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(arena);
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_after),
        cmocka_unit_test(deadline),
        cmocka_unit_test(woken),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
