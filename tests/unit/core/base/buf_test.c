/* Tests of core/base/buf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"

static void appended(void **state)
{
    struct buf b = buf_make(100);

    (void)state;
    assert_int_equal(b.len, 0);
    buf_add_text(&b, "abc");
    buf_add(&b, "def", 2);
    buf_add_span(&b, span_of("gh"));
    buf_add_span(&b, span_make(NULL, 0));
    buf_add_octet(&b, '!');
    buf_printf(&b, "<%d>", 42);
    assert_true(span_is(buf_span(&b), "abcdegh!<42>"));
    uint8_t *at = buf_reserve(&b, 3);
    memcpy(at, "xyz", 3);
    b.len += 3;
    buf_drop(&b, 8);
    assert_true(span_is(buf_span(&b), "<42>xyz"));
    buf_drop(&b, 7);
    assert_int_equal(b.len, 0);
    buf_add_text(&b, "again");
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    buf_free(&b);
    buf_add_text(&b, "usable");
    assert_true(span_is(buf_span(&b), "usable"));
    buf_free(&b);
}

static void numbers(void **state)
{
    static const int64_t some[] = {0, 7, 10, -1, -90, 123456789, INT64_MAX, INT64_MIN};
    char wanted[32];

    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        AUTO(buf) struct buf b = buf_make(40);
        buf_add_number(&b, some[i]);
        (void)snprintf(wanted, sizeof wanted, "%lld", (long long)some[i]);
        assert_true(span_is(buf_span(&b), wanted));
    }
    AUTO(buf) struct buf small = buf_make(2);
    buf_add_number(&small, 100);
    assert_true(small.failed);
}

/* At each maximum, each way to append: to the last octet, and not one further. */
static void bounded(void **state)
{
    (void)state;
    for (size_t max = 0; max < 40; max++) {
        for (int way = 0; way < 4; way++) {
            AUTO(buf) struct buf b = buf_make(max);
            for (size_t i = 0; i < max; i++)
                buf_add_octet(&b, 'a');
            assert_false(b.failed);
            assert_int_equal(b.len, max);
            if (way == 0)
                buf_add_octet(&b, 'x');
            else if (way == 1)
                buf_add_text(&b, "x");
            else if (way == 2)
                buf_printf(&b, "%s", "x");
            else
                assert_null(buf_reserve(&b, 1));
            assert_true(b.failed);
            assert_int_equal(b.len, max);
            for (size_t i = 0; i < max; i++)
                assert_int_equal(b.data[i], 'a');
        }
    }
}

/* After a failure nothing is added, even if it would fit; clearing begins anew. */
static void failed(void **state)
{
    AUTO(buf) struct buf b = buf_make(5);

    (void)state;
    buf_add_text(&b, "abc");
    buf_add_text(&b, "def");
    assert_true(b.failed);
    buf_add_text(&b, "d");
    assert_true(span_is(buf_span(&b), "abc"));
    buf_add(&b, "x", SIZE_MAX); /* a length that overflows */
    assert_true(span_is(buf_span(&b), "abc"));
    buf_clear(&b);
    buf_add_text(&b, "abcde");
    assert_false(b.failed);
    assert_true(span_is(buf_span(&b), "abcde"));
}

static void large(void **state)
{
    AUTO(buf) struct buf b = buf_make(1000000);

    (void)state;
    for (int i = 0; i < 1000000; i++)
        buf_add_octet(&b, (uint8_t)(i * 7));
    assert_false(b.failed);
    for (int i = 0; i < 1000000; i += 997)
        assert_int_equal(b.data[i], (uint8_t)(i * 7));
    buf_printf(&b, "x");
    assert_true(b.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended), cmocka_unit_test(numbers), cmocka_unit_test(bounded),
        cmocka_unit_test(failed),   cmocka_unit_test(large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
