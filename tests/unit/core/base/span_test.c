/* Tests of core/base/span. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/span.h"

static void made(void **state)
{
    (void)state;
    assert_int_equal(span_of("abc").len, 3);
    assert_int_equal(span_of("").len, 0);
    assert_int_equal(span_of(NULL).len, 0);
    assert_true(span_is(span_make("abc", 2), "ab"));
    assert_false(span_is(span_make("abc", 2), "abc"));
    assert_false(span_is(span_make("abc", 2), "a"));
    assert_true(span_equal(span_make(NULL, 0), span_of("")));
    assert_true(span_equal(span_make("a\0b", 3), span_make("a\0b", 3)));
    assert_false(span_equal(span_make("a\0b", 3), span_make("a\0c", 3)));
}

/* A slice never reaches beyond, whatever is asked for. */
static void sliced(void **state)
{
    static const char text[] = "abcdef";
    struct span whole = span_of(text);

    (void)state;
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t len = 0; len < 9; len++) {
            struct span s = span_slice(whole, offset, len);
            size_t from = offset < 6 ? offset : 6;
            assert_int_equal(s.len, len < 6 - from ? len : 6 - from);
            assert_ptr_equal(s.data, text + from);
        }
    }
    assert_int_equal(span_slice(whole, 2, SIZE_MAX).len, 4);
    assert_int_equal(span_slice(whole, SIZE_MAX, SIZE_MAX).len, 0);
    assert_null(span_slice(span_make(NULL, 0), 3, 3).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made),
        cmocka_unit_test(sliced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
