/* Tests of server/order/order_star: when certificates of auto-renewal orders are made,
 * and how long they are valid (RFC 8739 3.3, 3.5; rows S-STAR-9, 10, 15). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/order/order_star.h"

#define DAY INT64_C(86400)
#define T10 INT64_C(1547078400) /* 2019-01-10T00:00:00Z */

static const struct template_issuer issuer = {.not_before = 1,
                                              .not_after = INT64_MAX / 4};

/* RFC 8739 3.5.1, table 1. */
static void example_of_the_rfc(void **state)
{
    static const int64_t table[][2] = {{T10, T10 + 4 * DAY},
                                       {T10 + DAY, T10 + 8 * DAY},
                                       {T10 + 5 * DAY, T10 + 10 * DAY}};
    struct store_star star = {
        .start = T10, .end = T10 + 10 * DAY, .lifetime = 4 * DAY, .adjust = 3 * DAY};
    struct store_star_step step = {0};

    (void)state;
    struct order_leaf_times times =
        order_star_begin(&star, 1, &issuer, span_of("spki"), T10 - 100, &step);
    assert_int_equal(step.first, T10);
    assert_int_equal(star.first, T10);
    for (int64_t i = 0; i < 3; i++) {
        if (i > 0)
            times = order_star_times(&star, &issuer, i);
        assert_int_equal(times.not_before, table[i][0]);
        assert_int_equal(times.not_after, table[i][1]);
    }
    assert_true(order_star_due(&star, 1, 1) > 0);
    assert_int_equal(order_star_due(&star, 1, 2), 0); /* that was the last */
}

static void issuer_bounds(void **state)
{
    const struct template_issuer narrow = {.not_before = T10 - 5, .not_after = T10 + 60};
    const struct store_star star = {.end = T10 + DAY, .lifetime = 100, .first = T10};

    (void)state;
    struct order_leaf_times times = order_star_times(&star, &narrow, 0);
    assert_int_equal(times.not_before, T10 - 5);
    assert_int_equal(times.not_after, T10 + 60);
}

/* For every lifetime, adjustment and order: made when it is valid, by half of the
 * lifetime of the one before at the latest, with something left for the signer; without a
 * gap. */
static void always_in_time(void **state)
{
    static const int64_t lifetimes[] = {1, 2, 3, 4, 7, 8, 60, 3600, 86399, DAY, 45 * DAY};
    static const int64_t adjusts[] = {0, 1, 3600, 2 * DAY, INT64_MAX};

    (void)state;
    for (size_t l = 0; l < sizeof lifetimes / sizeof lifetimes[0]; l++) {
        for (size_t a = 0; a < sizeof adjusts / sizeof adjusts[0]; a++) {
            int64_t lifetime = lifetimes[l];
            struct store_star star = {
                .end = T10 + 10 * lifetime, .lifetime = lifetime, .adjust = adjusts[a]};
            struct store_star_step step = {0};
            struct order_leaf_times before = order_star_begin(
                &star, (int64_t)(l * 7 + a), &issuer, span_of("spki"), T10, &step);
            assert_true(before.not_before <= T10);
            int64_t due = step.due;
            int64_t number = 1;
            for (; due != 0; number++) {
                assert_int_equal(order_star_number(&star, due), number);
                struct order_leaf_times next = order_star_times(&star, &issuer, number);
                assert_true(next.not_before <= due);
                assert_true(next.not_before <= before.not_after);
                /* half of the nominal lifetime of the one before */
                assert_true(due * 2 <= 2 * T10 + (2 * number - 1) * lifetime);
                assert_true((due - T10) * 8 <= (8 * number - 5) * lifetime + 8);
                assert_true(next.not_after <= star.end);
                assert_int_equal(next.not_after, T10 + (number + 1) * lifetime);
                before = next;
                due = order_star_due(&star, (int64_t)(l * 7 + a), number);
            }
            assert_int_equal(number, 10);
            assert_int_equal(before.not_after, star.end);
        }
    }
}

/* Before its time, in the middle, long after: the one that is valid longest now. */
static void number_by_the_clock(void **state)
{
    const struct store_star star = {.end = T10 + 1000, .lifetime = 8, .first = T10};

    (void)state;
    assert_int_equal(order_star_number(&star, T10 - 1000), -125);
    assert_int_equal(order_star_number(&star, T10 - 7), -1);
    assert_int_equal(order_star_number(&star, T10 - 6), 0);
    assert_int_equal(order_star_number(&star, T10), 0);
    assert_int_equal(order_star_number(&star, T10 + 1), 0);
    assert_int_equal(order_star_number(&star, T10 + 2), 1);
    assert_int_equal(order_star_number(&star, T10 + 802), 101);
}

/* What was finalized in one second is not renewed in one second. */
static void spread(void **state)
{
    const struct store_star star = {
        .end = T10 + 1000 * DAY, .lifetime = DAY, .first = T10};
    size_t in[8] = {0};

    (void)state;
    for (int64_t id = 1; id <= 800; id++) {
        int64_t later = order_star_due(&star, id, 0) - (T10 + DAY / 4);
        assert_in_range(later, 0, DAY / 8);
        in[later * 8 / (DAY / 8 + 1)]++;
    }
    for (size_t i = 0; i < 8; i++)
        assert_in_range(in[i], 50, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_rfc),
        cmocka_unit_test(issuer_bounds),
        cmocka_unit_test(always_in_time),
        cmocka_unit_test(number_by_the_clock),
        cmocka_unit_test(spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
