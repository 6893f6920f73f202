/* Tests of core/base/wake: who is woken, when, and by whose hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/base/wake.h"

#define MANY 100

static void count(void *whom)
{
    int *calls = whom;

    ++*calls;
}

static void without_a_hold_at_once(void **state)
{
    int calls = 0;

    (void)state;
    wake_up(count, &calls);
    assert_int_equal(calls, 1);
}

static void with_a_hold_when_the_outermost_ends(void **state)
{
    int calls = 0;
    int others = 0;

    (void)state;
    wake_hold();
    wake_up(count, &calls);
    wake_hold();
    wake_up(count, &calls);
    wake_up(count, &others);
    wake_release();
    assert_int_equal(calls, 0);
    wake_release();
    assert_int_equal(calls, 2);
    assert_int_equal(others, 1);
    wake_hold(); /* nothing is left of it */
    wake_release();
    assert_int_equal(calls, 2);
}

static void none_is_forgotten_of_many(void **state)
{
    int calls = 0;

    (void)state;
    wake_hold();
    for (int i = 0; i < MANY; i++)
        wake_up(count, &calls);
    wake_release();
    assert_int_equal(calls, MANY);
}

/* Waking may go through a function that holds, too. */
static void again(void *whom)
{
    wake_hold();
    wake_up(count, whom);
    wake_release();
}

static void a_hold_within_waking(void **state)
{
    int calls = 0;

    (void)state;
    wake_hold();
    wake_up(again, &calls);
    wake_up(again, &calls);
    wake_release();
    assert_int_equal(calls, 2);
}

static void *wake_beside(void *whom)
{
    wake_up(count, whom);
    return NULL;
}

static void a_hold_is_of_its_thread(void **state)
{
    int calls = 0;
    pthread_t other;

    (void)state;
    wake_hold();
    assert_int_equal(pthread_create(&other, NULL, wake_beside, &calls), 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(calls, 1);
    wake_release();
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_hold_at_once),
        cmocka_unit_test(with_a_hold_when_the_outermost_ends),
        cmocka_unit_test(none_is_forgotten_of_many),
        cmocka_unit_test(a_hold_within_waking),
        cmocka_unit_test(a_hold_is_of_its_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
