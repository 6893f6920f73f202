/* Tests of server/limit/limit_persist: what is known after a restart. */
#include "../store_fixture.h"

#include <string.h>

#include "server/limit/limit_persist.h"

#define SECOND INT64_C(1000000)
#define NOW    (INT64_C(1790000000) * SECOND)
#define HOUR   (3600 * SECOND)
#define ORDERS RATE_NEW_ORDERS_PER_ACCOUNT

struct fixture {
    struct store_fixture *store;
    struct limit *limit;
};

static void start(struct fixture *f, int64_t now)
{
    struct rate rates[RATE_KINDS] = {0};

    f->limit = limit_new();
    assert_int_equal(rate_read(span_of("2/2h"), &rates[ORDERS], NULL), ERR_OK);
    assert_int_equal(
        rate_read(span_of("100/1m"), &rates[RATE_REQUESTS_PER_ADDRESS], NULL), ERR_OK);
    limit_configure(f->limit, rates);
    assert_int_equal(limit_persist_load(f->limit, f->store->session, now, NULL), ERR_OK);
}

/* As after a kill: nothing is saved on the way. */
static void restart(struct fixture *f, int64_t now)
{
    limit_free(f->limit);
    assert_int_equal(store_fixture_settle(f->store), ERR_OK);
    store_fixture_close(f->store);
    store_fixture_open(f->store);
    start(f, now);
}

static int set_up(void **state)
{
    static struct fixture f;

    f.store = store_fixture_new();
    start(&f, NOW);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    limit_free(f->limit);
    store_fixture_free(f->store);
    return 0;
}

static enum err spend(struct fixture *f, enum rate_kind kind, const char *key,
                      int64_t now)
{
    const struct limit_use use = {.kind = kind, .key = key};

    return limit_spend(f->limit, f->store->arena, &use, 1, now, NULL);
}

static enum err save(struct fixture *f, int64_t now, bool all)
{
    return limit_persist_save(f->limit, f->store->session, now, all, NULL);
}

static size_t stored(struct fixture *f)
{
    struct store_limit_bucket *rows = NULL;
    size_t count = 0;

    assert_int_equal(store_limit_buckets(f->store->session, f->store->arena, 0, 10000,
                                         &rows, &count, NULL),
                     ERR_OK);
    return count;
}

static void known_after_a_restart(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(save(f, NOW, false), ERR_OK);
    restart(f, NOW + SECOND);
    assert_int_equal(spend(f, ORDERS, "7", NOW + SECOND), ERR_RATE_LIMITED);
    assert_int_equal(spend(f, ORDERS, "8", NOW + SECOND), ERR_OK);
    restart(f, NOW + SECOND); /* what was not saved is forgiven */
    struct limit_bucket_state s;
    limit_look(f->limit, ORDERS, "8", NULL, NOW + SECOND, &s);
    assert_int_equal(s.left, 2);
    assert_int_equal(spend(f, ORDERS, "7", NOW + HOUR), ERR_OK);
}

static void little_is_not_written(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 50; i++)
        assert_int_equal(spend(f, RATE_REQUESTS_PER_ADDRESS, "192.0.2.1", NOW), ERR_OK);
    assert_int_equal(save(f, NOW, true), ERR_OK);
    assert_int_equal(stored(f), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(spend(f, RATE_REQUESTS_PER_ADDRESS, "192.0.2.1", NOW), ERR_OK);
    assert_int_equal(save(f, NOW, true), ERR_OK); /* a minute, exactly */
    assert_int_equal(stored(f), 1);
}

/* A refund and a reset must not come back as spent. */
static void given_back_is_written(void **state)
{
    struct fixture *f = *state;
    const struct limit_use use = {.kind = ORDERS, .key = "7"};

    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "8", NOW), ERR_OK);
    assert_int_equal(save(f, NOW, true), ERR_OK);
    assert_int_equal(stored(f), 2);
    limit_refund(f->limit, &use, 1, NOW);
    assert_true(limit_reset(f->limit, ORDERS, "8"));
    assert_int_equal(save(f, NOW, true), ERR_OK);
    assert_int_equal(stored(f), 0);
    restart(f, NOW);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
}

static void what_is_over_goes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(save(f, NOW, true), ERR_OK);
    assert_int_equal(stored(f), 1);
    assert_int_equal(save(f, NOW + HOUR, true), ERR_OK);
    assert_int_equal(stored(f), 0);
}

/* More than one change holds: little by little, or all at the end. */
static void many(void **state)
{
    struct fixture *f = *state;
    const size_t count = 2 * LIMIT_PERSIST_ROWS + 100;

    for (size_t i = 0; i < count; i++) {
        char *key = arena_printf(f->store->arena, "%zu", i);
        assert_int_equal(spend(f, ORDERS, key, NOW), ERR_OK);
    }
    assert_int_equal(save(f, NOW, false), ERR_OK);
    assert_int_equal(stored(f), LIMIT_PERSIST_ROWS);
    assert_int_equal(save(f, NOW, true), ERR_OK);
    assert_int_equal(stored(f), count);
    restart(f, NOW);
    for (size_t i = 0; i < count; i++) {
        char *key = arena_printf(f->store->arena, "%zu", i);
        assert_int_equal(spend(f, ORDERS, key, NOW), ERR_OK);
        assert_int_equal(spend(f, ORDERS, key, NOW), ERR_RATE_LIMITED);
    }
}

/* What could not be written is forgiven at worst; what comes after it is kept. */
static void full_disk(void **state)
{
    struct fixture *f = *state;
    enum err result = ERR_OK;

    store_fixture_fill_disk(f->store);
    for (int i = 0; i < 200 && result == ERR_OK; i++) {
        for (int j = 0; j < 50; j++) {
            char *key = arena_printf(f->store->arena, "%0250d", 50 * i + j);
            assert_int_equal(spend(f, ORDERS, key, NOW), ERR_OK);
        }
        result = save(f, NOW, true);
        if (result == ERR_OK)
            result = store_fixture_settle(f->store);
    }
    store_fixture_free_disk();
    assert_int_equal(result, ERR_STORE);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_OK);
    do
        store_session_begin(f->store->session);
    while (save(f, NOW, true) != ERR_OK); /* the batch is being undone */
    restart(f, NOW);
    assert_int_equal(spend(f, ORDERS, "7", NOW), ERR_RATE_LIMITED);
}

static void rates_of_single_buckets(void **state)
{
    struct fixture *f = *state;
    const struct store_limit_override rows[] = {
        {"new_orders_per_account", "7", "5/1h"},
        {"new_orders_per_account", "8", "nonsense"},
        {"a_limit_of_tomorrow", "7", "5/1h"},
    };
    const struct store_limit_bucket bucket = {"a_limit_of_tomorrow", "7", NOW + HOUR};
    struct limit_bucket_state s;

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(store_limit_override_set(f->store->session, &rows[i], 10, NULL),
                         ERR_OK);
    assert_int_equal(store_limit_buckets_put(f->store->session, &bucket, 1, NULL),
                     ERR_OK);
    restart(f, NOW);
    limit_look(f->limit, ORDERS, "7", NULL, NOW, &s);
    assert_true(s.overridden);
    assert_int_equal(s.left, 5);
    limit_look(f->limit, ORDERS, "8", NULL, NOW, &s);
    assert_false(s.overridden);
}

/* What was spent by an own rate is not counted anew by the configured one. */
static void spent_by_an_own_rate(void **state)
{
    struct fixture *f = *state;
    const struct store_limit_override row = {"new_orders_per_account", "7", "4/2h"};
    struct rate rate;
    int64_t now = limit_now_us();

    assert_int_equal(store_limit_override_set(f->store->session, &row, 10, NULL), ERR_OK);
    assert_int_equal(rate_read(span_of(row.rate), &rate, NULL), ERR_OK);
    limit_override(f->limit, ORDERS, "7", NULL, &rate);
    for (int i = 0; i < 4; i++)
        assert_int_equal(spend(f, ORDERS, "7", now), ERR_OK);
    assert_int_equal(save(f, now, true), ERR_OK);
    restart(f, now);
    assert_int_equal(spend(f, ORDERS, "7", now), ERR_RATE_LIMITED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(known_after_a_restart),
        TEST(little_is_not_written),
        TEST(given_back_is_written),
        TEST(what_is_over_goes),
        TEST(many),
        TEST(full_disk),
        TEST(rates_of_single_buckets),
        TEST(spent_by_an_own_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
