/* Tests of server/perspective/perspective_flights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/perspective/perspective_flights.h"

static void an_answer_comes_once(void **state)
{
    struct perspective_flights f = {0};
    struct perspective_flight flight;
    uint64_t first = 0;
    uint64_t second = 0;
    int owner;

    (void)state;
    assert_null(perspective_flights_find(&f, 0));
    assert_true(perspective_flights_add(&f, &owner, 7, &first));
    assert_true(perspective_flights_add(&f, &owner, 8, &second));
    assert_int_not_equal(first, second);
    assert_int_equal(perspective_flights_find(&f, first)->id, 7);
    assert_true(perspective_flights_take(&f, first, &flight));
    assert_int_equal(flight.id, 7);
    assert_ptr_equal(flight.owner, &owner);
    assert_false(perspective_flights_take(&f, first, &flight));
    assert_int_equal(f.count, 1);
    perspective_flights_free(&f);
}

/* A late answer must not be taken for that of whoever has the place now. */
static void numbers_do_not_come_back(void **state)
{
    struct perspective_flights f = {0};
    struct perspective_flight flight;
    uint64_t old = 0;

    (void)state;
    assert_true(perspective_flights_add(&f, NULL, 1, &old));
    for (int i = 0; i < 1000; i++) {
        uint64_t fresh = 0;
        assert_true(perspective_flights_take(&f, old, &flight));
        assert_true(perspective_flights_add(&f, NULL, 2, &fresh));
        assert_null(perspective_flights_find(&f, old));
        old = fresh;
    }
    perspective_flights_free(&f);
}

static void as_many_as_a_validator_takes(void **state)
{
    struct perspective_flights f = {0};
    struct perspective_flight flight;
    uint64_t number = 0;
    size_t at = 0;
    size_t taken = 0;
    int even;
    int odd;

    (void)state;
    for (size_t i = 0; i < PERSPECTIVE_FLIGHTS_MAX; i++)
        assert_true(perspective_flights_add(&f, i % 2 == 0 ? &even : &odd, i, &number));
    assert_false(perspective_flights_add(&f, &odd, 0, &number));
    assert_false(perspective_flights_take_next(&f, &at, NULL, 0, &flight));
    for (at = 0; perspective_flights_take_next(&f, &at, &even, INT64_MAX, &flight);
         taken++)
        assert_int_equal(flight.id % 2, 0);
    assert_int_equal(taken, PERSPECTIVE_FLIGHTS_MAX / 2);
    assert_true(perspective_flights_add(&f, &odd, 0, &number));
    for (at = 0; perspective_flights_take_next(&f, &at, NULL, INT64_MAX, &flight);)
        assert_ptr_equal(flight.owner, &odd);
    assert_int_equal(f.count, 0);
    perspective_flights_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_once),
        cmocka_unit_test(numbers_do_not_come_back),
        cmocka_unit_test(as_many_as_a_validator_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
