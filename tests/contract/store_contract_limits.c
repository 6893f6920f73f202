/* The store's contract: what it keeps of rate limits. */
#include "contract.h"

#include <string.h>

#include "server/store/store_limit.h"

#define NOW_US (CONTRACT_NOW * INT64_C(1000000))
#define MOST   10

static void put(struct contract *f, const char *kind, const char *key, int64_t tat_us)
{
    const struct store_limit_bucket bucket = {kind, key, tat_us};

    assert_int_equal(store_limit_buckets_put(f->session, &bucket, 1, &f->why), ERR_OK);
}

static size_t buckets(struct contract *f, int64_t now_us, size_t max,
                      struct store_limit_bucket **rows)
{
    size_t count = 999;

    assert_int_equal(
        store_limit_buckets(f->session, f->arena, now_us, max, rows, &count, &f->why),
        ERR_OK);
    return count;
}

static void keeps_buckets(void **state)
{
    struct contract *f = *state;
    struct store_limit_bucket *rows = NULL;

    assert_int_equal(buckets(f, 0, MOST, &rows), 0);
    const struct store_limit_bucket some[] = {
        {"orders", "7", NOW_US + 5}, {"orders", "8", NOW_US + 9}, {"names", "7", NOW_US}};
    assert_int_equal(store_limit_buckets_put(f->session, some, 3, &f->why), ERR_OK);
    put(f, "orders", "7", NOW_US + 7); /* instead of what was there */
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(buckets(f, NOW_US - 1, MOST, &rows), 3);
    assert_int_equal(buckets(f, NOW_US, MOST, &rows), 2); /* not those that are over */
    assert_string_equal(rows[0].key, "8");
    assert_int_equal(rows[1].tat_us, NOW_US + 7);
    assert_string_equal(rows[1].kind, "orders");
    assert_int_equal(buckets(f, 0, 1, &rows), 1); /* the latest if there are too many */
    assert_string_equal(rows[0].key, "8");
    put(f, "orders", "8", 0);
    put(f, "orders", "nobody", 0); /* to forget what is not there is no error */
    assert_int_equal(buckets(f, NOW_US, MOST, &rows), 1);
    assert_string_equal(rows[0].key, "7");
}

static void clears_what_is_over(void **state)
{
    struct contract *f = *state;
    const uint8_t old[STORE_HASH_SIZE] = {1};
    const uint8_t young[STORE_HASH_SIZE] = {2};
    struct store_limit_bucket *rows = NULL;
    int64_t not_after = -1;
    size_t removed = 99;

    put(f, "orders", "a", NOW_US - 1);
    put(f, "orders", "b", NOW_US);
    put(f, "orders", "c", NOW_US + 1);
    assert_int_equal(store_limit_set_put(f->session, old, CONTRACT_NOW, &f->why), ERR_OK);
    assert_int_equal(store_limit_set_put(f->session, young, CONTRACT_NOW + 1, &f->why),
                     ERR_OK);
    assert_int_equal(store_limit_clear(f->session, NOW_US, 1, &removed, &f->why), ERR_OK);
    assert_int_equal(removed, 2); /* one of each */
    assert_int_equal(store_limit_clear(f->session, NOW_US, 1, &removed, &f->why), ERR_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(store_limit_clear(f->session, NOW_US, 1, &removed, &f->why), ERR_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(buckets(f, 0, MOST, &rows), 1);
    assert_string_equal(rows[0].key, "c");
    assert_int_equal(store_limit_set_get(f->session, old, &not_after, &f->why), ERR_OK);
    assert_int_equal(not_after, 0);
    assert_int_equal(store_limit_set_get(f->session, young, &not_after, &f->why), ERR_OK);
    assert_int_equal(not_after, CONTRACT_NOW + 1);
}

static enum err override(struct contract *f, const char *key, const char *rate,
                         size_t max)
{
    const struct store_limit_override row = {"orders", key, rate};

    return store_limit_override_set(f->session, &row, max, &f->why);
}

static void keeps_overrides(void **state)
{
    struct contract *f = *state;
    struct store_limit_override *rows = NULL;
    size_t count = 99;

    assert_int_equal(override(f, "7", NULL, MOST), ERR_NOT_FOUND);
    assert_int_equal(override(f, "8", "5/1h", MOST), ERR_OK);
    assert_int_equal(override(f, "7", "6/1h", MOST), ERR_OK);
    assert_int_equal(override(f, "9", "6/1h", 2), ERR_CONFLICT);
    assert_int_equal(override(f, "8", "off", 2), ERR_OK); /* one that is there */
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(
        store_limit_overrides(f->session, f->arena, MOST, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].key, "7");
    assert_string_equal(rows[0].rate, "6/1h");
    assert_string_equal(rows[1].kind, "orders");
    assert_string_equal(rows[1].rate, "off");
    assert_int_equal(override(f, "7", NULL, MOST), ERR_OK);
    assert_int_equal(override(f, "7", NULL, MOST), ERR_NOT_FOUND);
    assert_int_equal(
        store_limit_overrides(f->session, f->arena, MOST, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
}

static enum err pause(struct contract *f, int64_t account_id, const char *identifier,
                      size_t max)
{
    const struct store_limit_pause row = {account_id, identifier, CONTRACT_NOW, "why"};

    return store_limit_pause_add(f->session, &row, max, &f->why);
}

static void keeps_pauses(void **state)
{
    struct contract *f = *state;
    struct store_limit_pause *rows = NULL;
    size_t count = 99;

    assert_int_equal(pause(f, 7, "b.test", MOST), ERR_OK);
    assert_int_equal(pause(f, 7, "b.test", MOST), ERR_CONFLICT);
    assert_int_equal(pause(f, 7, "a.test", MOST), ERR_OK);
    assert_int_equal(pause(f, 8, "a.test", 2), ERR_CONFLICT);
    assert_int_equal(pause(f, 6, "a.test", 3), ERR_OK);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(
        store_limit_pauses(f->session, f->arena, MOST, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(rows[0].account_id, 6);
    assert_string_equal(rows[1].identifier, "a.test");
    assert_int_equal(rows[2].since, CONTRACT_NOW);
    assert_string_equal(rows[2].reason, "why");
    assert_int_equal(store_limit_pause_remove(f->session, 8, "a.test", &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_limit_pause_remove(f->session, 7, "a.test", &f->why), ERR_OK);
    assert_int_equal(store_limit_pause_remove(f->session, 7, "a.test", &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(
        store_limit_pauses(f->session, f->arena, MOST, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 2);
}

static void keeps_sets(void **state)
{
    struct contract *f = *state;
    const uint8_t one[STORE_HASH_SIZE] = {1};
    int64_t not_after = -1;

    assert_int_equal(store_limit_set_get(f->session, one, &not_after, &f->why), ERR_OK);
    assert_int_equal(not_after, 0);
    assert_int_equal(store_limit_set_put(f->session, one, CONTRACT_NOW + 9, &f->why),
                     ERR_OK);
    assert_int_equal(store_limit_set_put(f->session, one, CONTRACT_NOW, &f->why), ERR_OK);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_limit_set_get(f->session, one, &not_after, &f->why), ERR_OK);
    assert_int_equal(not_after, CONTRACT_NOW + 9);
}

int contract_limits(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(keeps_buckets),   CONTRACT_TEST(clears_what_is_over),
        CONTRACT_TEST(keeps_overrides), CONTRACT_TEST(keeps_pauses),
        CONTRACT_TEST(keeps_sets),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
