/* Tests of client/plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/plan/plan.h"

static void names_in_any_order(void **state)
{
    const char *const there[] = {"a.test", "b.test"};
    const struct certificate_metadata m = {.names = there, .name_count = 2};
    static const struct {
        const char *names[3];
        size_t count;
        bool same;
    } rows[] = {
        {{"a.test", "b.test"}, 2, true},
        {{"b.test", "a.test"}, 2, true},
        {{"a.test"}, 1, false},
        {{"a.test", "c.test"}, 2, false},
        {{"a.test", "b.test", "c.test"}, 3, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(plan_same_names(&m, rows[i].names, rows[i].count), rows[i].same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
