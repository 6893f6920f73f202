/* Tests of core/base/log: what others say cannot look like pairs of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/log.h"

static void values(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } rows[] = {
        {"www.example.test", "www.example.test"},
        {"::1", "::1"},
        {"ABC/1.2.3", "ABC/1.2.3"},
        {"", "\"\""},
        {"A B", "\"A B\""},
        {"a\" result=valid \"", "\"a\\\" result=valid \\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"x=y", "\"x=y\""},
        {"\xe6\x97\xa5", "\xe6\x97\xa5"},
    };
    AUTO(arena) struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(log_value(a, rows[i].text), rows[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
