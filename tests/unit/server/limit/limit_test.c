/* Tests of server/limit/limit: what a request spends, and what it is told (S-RATE-1,
 * S-RATE-2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "server/limit/limit.h"

#define SECOND  INT64_C(1000000)
#define NOW     (INT64_C(1790000000) * SECOND) /* 2026-09-21T14:13:20Z */
#define YEAR    (INT64_C(365) * 86400 * SECOND)
#define THREADS 8
#define ORDERS  RATE_NEW_ORDERS_PER_ACCOUNT
#define DOMAINS RATE_CERTIFICATES_PER_DOMAIN

struct fixture {
    struct limit *limit;
    struct arena *arena;
    struct rate rates[RATE_KINDS];
    struct err_info why;
};

static int set_up(void **state)
{
    struct arena *a = arena_new();
    struct fixture *f = arena_get(a, sizeof *f);

    f->arena = a;
    f->limit = limit_new();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    limit_free(f->limit);
    arena_free(f->arena);
    return 0;
}

static void set(struct fixture *f, enum rate_kind kind, const char *rate)
{
    assert_int_equal(rate_read(span_of(rate), &f->rates[kind], &f->why), ERR_OK);
    limit_configure(f->limit, f->rates);
}

static enum err spend(struct fixture *f, enum rate_kind kind, const char *key,
                      int64_t now)
{
    const struct limit_use use = {.kind = kind, .key = key};

    memset(&f->why, 0, sizeof f->why);
    return limit_spend(f->limit, f->arena, &use, 1, now, &f->why);
}

static int64_t left(struct fixture *f, enum rate_kind kind, const char *key, int64_t now)
{
    struct limit_bucket_state now_state;

    limit_look(f->limit, kind, key, NULL, now, &now_state);
    return now_state.left;
}

static void off_is_no_limit(void **state)
{
    struct fixture *f = *state;

    assert_false(limit_is_on(f->limit, ORDERS));
    for (int i = 0; i < 100; i++)
        assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    set(f, ORDERS, "5/1h");
    assert_true(limit_is_on(f->limit, ORDERS));
    assert_false(limit_is_on(f->limit, DOMAINS));
    assert_int_equal(left(f, ORDERS, "7", NOW), 5);
}

static void says_what_and_when(void **state)
{
    struct fixture *f = *state;

    set(f, ORDERS, "2/3h");
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW + 1), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW + SECOND / 2), ERR_RATE_LIMITED);
    assert_string_equal(f->why.detail, "new orders of account 7 are limited to 2 in 3 "
                                       "hours; try again after 2026-09-21T15:43:20Z");
    assert_int_equal(f->why.retry_after_seconds, 5400);
    assert_int_equal(spend(f, ORDERS, "8", NOW), ERR_OK); /* each has its own */
    /* a second too early, and then as was said */
    int64_t then = NOW + SECOND / 2 + 5400 * SECOND;
    assert_int_equal(spend(f, ORDERS, "7", then - SECOND), ERR_RATE_LIMITED);
    assert_int_equal(f->why.retry_after_seconds, 1);
    assert_int_equal(spend(f, ORDERS, "7", then), ERR_OK);
}

static void shows_other_words_for_a_key(void **state)
{
    struct fixture *f = *state;
    const struct limit_use use = {
        .kind = RATE_CERTIFICATES_PER_SET, .key = "00ff", .shown = "a.test and 3 more"};

    set(f, RATE_CERTIFICATES_PER_SET, "1/7d 1");
    assert_int_equal(limit_spend(f->limit, f->arena, &use, 1, NOW, &f->why), ERR_OK);
    assert_int_equal(limit_spend(f->limit, f->arena, &use, 1, NOW, &f->why),
                     ERR_RATE_LIMITED);
    assert_string_equal(f->why.detail,
                        "certificates for exactly these identifiers (a.test and 3 more) "
                        "are limited to 1 in 7 days; try again after "
                        "2026-09-28T14:13:20Z");
}

/* S-RATE-2: all limits together, and nothing is spent of any if one refuses. */
static void all_or_none(void **state)
{
    struct fixture *f = *state;
    const struct limit_use uses[] = {
        {.kind = ORDERS, .key = "7"},
        {.kind = DOMAINS, .key = "a.test"},
        {.kind = DOMAINS, .key = "b.test", .look_only = true},
        {.kind = RATE_REQUESTS_PER_ADDRESS, .key = "192.0.2.1"},
    };

    set(f, ORDERS, "10/10s");
    set(f, DOMAINS, "1/1h");
    assert_int_equal(limit_spend(f->limit, f->arena, uses, 4, NOW, &f->why), ERR_OK);
    assert_int_equal(left(f, ORDERS, "7", NOW), 9);
    assert_int_equal(left(f, DOMAINS, "b.test", NOW), 1);
    assert_int_equal(limit_spend(f->limit, f->arena, uses, 4, NOW, &f->why),
                     ERR_RATE_LIMITED);
    assert_int_equal(left(f, ORDERS, "7", NOW), 9);
    assert_int_equal(f->why.retry_after_seconds, 3600);
    /* what is only looked at refuses too, and the longest wait is told */
    assert_int_equal(spend(f, DOMAINS, "b.test", NOW + 1000 * SECOND), ERR_OK);
    assert_int_equal(
        limit_spend(f->limit, f->arena, uses, 4, NOW + 1000 * SECOND, &f->why),
        ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "registered domain b.test are"));
    assert_int_equal(f->why.retry_after_seconds, 3600);
    assert_int_equal(
        limit_spend(f->limit, f->arena, uses, 4, NOW + 4600 * SECOND, &f->why), ERR_OK);
    limit_refund(f->limit, uses, 4, NOW + 4600 * SECOND);
    assert_int_equal(left(f, ORDERS, "7", NOW + 4600 * SECOND), 10);
    assert_int_equal(left(f, DOMAINS, "a.test", NOW + 4600 * SECOND), 1);
    assert_int_equal(left(f, DOMAINS, "b.test", NOW + 4600 * SECOND), 1);
}

static void charged_without_asking(void **state)
{
    struct fixture *f = *state;
    const struct limit_use use = {.kind = RATE_FAILED_VALIDATIONS, .key = "7/a.test"};

    assert_false(limit_charge(f->limit, &use, NOW)); /* off */
    set(f, RATE_FAILED_VALIDATIONS, "3/1h");
    assert_false(limit_charge(f->limit, &use, NOW));
    assert_false(limit_charge(f->limit, &use, NOW));
    assert_true(limit_charge(f->limit, &use, NOW));
    assert_true(limit_charge(f->limit, &use, NOW));
    assert_int_equal(spend(f, use.kind, use.key, NOW), ERR_RATE_LIMITED);
    assert_int_equal(f->why.retry_after_seconds, 1200);
    assert_true(limit_reset(f->limit, use.kind, use.key));
    assert_false(limit_reset(f->limit, use.kind, use.key));
    assert_false(limit_reset(f->limit, use.kind, "nobody"));
    assert_int_equal(left(f, use.kind, use.key, NOW), 3);
}

static void rates_of_single_buckets(void **state)
{
    struct fixture *f = *state;
    struct limit_bucket_state s;
    struct rate wide = {0};
    const struct rate none = {0};

    set(f, ORDERS, "1/1h");
    assert_int_equal(rate_read(span_of("3/1h"), &wide, &f->why), ERR_OK);
    limit_override(f->limit, ORDERS, "7", NULL, &wide);
    for (int i = 0; i < 3; i++)
        assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_RATE_LIMITED);
    assert_non_null(strstr(f->why.detail, "limited to 3 in 1 hour"));
    assert_int_equal(spend(f, ORDERS, "8", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "8", NOW), ERR_RATE_LIMITED);
    limit_look(f->limit, ORDERS, "7", NULL, NOW, &s);
    assert_true(s.overridden);
    assert_true(s.new_us == NOW + 3600 * SECOND);
    limit_override(f->limit, ORDERS, "7", NULL, &none);
    for (int i = 0; i < 9; i++)
        assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    limit_override(f->limit, ORDERS, "7", NULL, NULL);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_RATE_LIMITED);
    /* where nothing is configured the rate of one bucket counts all the same */
    set(f, ORDERS, "off");
    assert_false(limit_is_on(f->limit, ORDERS));
    limit_override(f->limit, ORDERS, "9", NULL, &wide);
    assert_true(limit_is_on(f->limit, ORDERS));
    for (int i = 0; i < 3; i++)
        assert_int_equal(spend(f, ORDERS, "9", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "9", NOW), ERR_RATE_LIMITED);
    assert_int_equal(spend(f, ORDERS, "8", NOW), ERR_OK);
    limit_override(f->limit, ORDERS, "9", NULL, NULL);
    assert_false(limit_is_on(f->limit, ORDERS));
}

static void clock_jumps(void **state)
{
    struct fixture *f = *state;

    set(f, ORDERS, "2/2h");
    assert_int_equal(spend(f, ORDERS, "7", NOW + 9 * YEAR), ERR_OK);
    assert_int_equal(left(f, ORDERS, "7", NOW), 2);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    /* no new chance by a correction of the clock, and no longer wait than one interval */
    int64_t corrected = NOW - 600 * SECOND;
    assert_int_equal(spend(f, ORDERS, "7", corrected), ERR_RATE_LIMITED);
    assert_int_equal(f->why.retry_after_seconds, 3600);
}

/* More buckets than there may be: those that are used up stay. */
static void bound_on_buckets(void **state)
{
    struct fixture *f = *state;
    size_t buckets = 0;
    size_t used_up = 0;
    char key[32];

    set(f, ORDERS, "10/1h");
    for (int i = 0; i < 10; i++)
        assert_int_equal(spend(f, ORDERS, "greedy", NOW), ERR_OK);
    for (int i = 0; i < LIMIT_BUCKETS_MAX + LIMIT_BUCKETS_MAX / 8; i++) {
        const struct limit_use use = {.kind = ORDERS, .key = key};
        (void)snprintf(key, sizeof key, "n%d", i);
        (void)limit_charge(f->limit, &use, NOW);
    }
    limit_count(f->limit, ORDERS, NOW, &buckets, &used_up);
    assert_true(buckets <= LIMIT_BUCKETS_MAX);
    assert_true(buckets > LIMIT_BUCKETS_MAX * 9 / 10);
    assert_int_equal(used_up, 1);
    assert_int_equal(spend(f, ORDERS, "greedy", NOW), ERR_RATE_LIMITED);
    /* when they are over, new ones sweep them out */
    for (int i = 0; i < LIMIT_BUCKETS_MAX; i++) {
        const struct limit_use use = {.kind = ORDERS, .key = key};
        (void)snprintf(key, sizeof key, "m%d", i);
        (void)limit_charge(f->limit, &use, NOW + YEAR);
    }
    limit_count(f->limit, ORDERS, NOW, &buckets, &used_up);
    assert_true(buckets <= LIMIT_BUCKETS_MAX);
    limit_count(f->limit, ORDERS, NOW + YEAR, &buckets, &used_up);
    assert_true(buckets > LIMIT_BUCKETS_MAX * 9 / 10);
}

static void long_keys_are_cut(void **state)
{
    struct fixture *f = *state;
    char key[2 * LIMIT_KEY_MAX];

    set(f, ORDERS, "1/1h");
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_int_equal(spend(f, ORDERS, key, NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, key, NOW), ERR_RATE_LIMITED);
    assert_int_equal(spend(f, ORDERS, key + LIMIT_KEY_MAX, NOW), ERR_OK);
}

struct race {
    struct fixture *f;
    bool backwards;
    atomic_int *passed;
};

static void *race_main(void *argument)
{
    const struct race *r = argument;
    struct arena *a = arena_new();
    struct limit_use uses[] = {{.kind = ORDERS, .key = "7"},
                               {.kind = DOMAINS, .key = "a.test"},
                               {.kind = DOMAINS, .key = "b.test"}};

    if (r->backwards) {
        struct limit_use first = uses[0];
        uses[0] = uses[2];
        uses[2] = first;
    }
    for (int i = 0; i < 500; i++) {
        if (limit_spend(r->f->limit, a, uses, 3, NOW, NULL) == ERR_OK)
            atomic_fetch_add(r->passed, 1);
        arena_reset(a);
    }
    arena_free(a);
    return NULL;
}

/* Of many at once exactly as many pass as may, whatever their order. */
static void exactly_as_many(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    struct race races[THREADS];
    atomic_int passed = 0;

    set(f, ORDERS, "1000/1h");
    set(f, DOMAINS, "777/1h");
    for (int i = 0; i < THREADS; i++) {
        races[i] = (struct race){f, i % 2 == 1, &passed};
        assert_int_equal(pthread_create(&threads[i], NULL, race_main, &races[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&passed), 777);
    assert_int_equal(left(f, ORDERS, "7", NOW), 223);
    assert_int_equal(left(f, DOMAINS, "a.test", NOW), 0);
    assert_int_equal(left(f, DOMAINS, "b.test", NOW), 0);
}

/* For who wants to know; nothing is asserted about time. */
static void speed(void **state)
{
    struct fixture *f = *state;
    const int rounds = 200000;
    const struct limit_use uses[] = {{.kind = ORDERS, .key = "123456"},
                                     {.kind = DOMAINS, .key = "www.example.test"}};
    char key[32];
    struct arena *a = arena_new();
    int passed = 0;

    set(f, ORDERS, "1000000/1s");
    set(f, DOMAINS, "1000000/1s");
    for (size_t many = 1; many <= 2; many++) {
        int64_t begin = clock_monotonic_us();
        for (int i = 0; i < rounds; i++) {
            passed +=
                limit_spend(f->limit, a, uses, many, NOW + i, NULL) == ERR_OK ? 1 : 0;
            if (i % 1000 == 0)
                arena_reset(a);
        }
        print_message("a request of %zu buckets: %.0f ns\n", many,
                      1000.0 * (double)(clock_monotonic_us() - begin) / rounds);
    }
    arena_free(a);
    assert_int_equal(passed, 2 * rounds);
    int64_t begin = clock_monotonic_us();
    for (int i = 0; i < rounds; i++) {
        const struct limit_use use = {.kind = ORDERS, .key = key};
        (void)snprintf(key, sizeof key, "n%d", i);
        (void)limit_charge(f->limit, &use, NOW);
    }
    print_message("a new bucket, with its text: %.0f ns\n",
                  1000.0 * (double)(clock_monotonic_us() - begin) / rounds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(off_is_no_limit),
        TEST(says_what_and_when),
        TEST(shows_other_words_for_a_key),
        TEST(all_or_none),
        TEST(charged_without_asking),
        TEST(rates_of_single_buckets),
        TEST(clock_jumps),
        TEST(bound_on_buckets),
        TEST(long_keys_are_cut),
        TEST(exactly_as_many),
        TEST(speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
