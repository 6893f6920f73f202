/* Tests of core/base/arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/base/arena.h"
#include "core/base/err.h"

/* Zeroed, aligned for anything, apart from each other, whatever the sizes. */
static void pieces(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 100, 4095, 4096, 8192, 100000};
    struct arena *a = arena_new();
    uint8_t *all[200];
    size_t lengths[200];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 200; i++) {
            lengths[i] = sizes[i * 7 % 12];
            all[i] = arena_get(a, lengths[i]);
            assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < lengths[i]; k++)
                assert_int_equal(all[i][k], 0);
            memset(all[i], (int)i, lengths[i]);
        }
        for (size_t i = 0; i < 200; i++)
            for (size_t k = 0; k < lengths[i]; k++)
                assert_int_equal(all[i][k], (uint8_t)i);
        arena_reset(a);
    }
    arena_free(a);
    arena_free(NULL);
}

static void copies(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    char text[] = "hello";

    (void)state;
    char *copy = arena_string(a, text);
    struct span span = arena_span(a, span_make(text, 3));
    char *of = arena_string_of(a, span_make(text + 1, 2));
    char *printed = arena_printf(a, "%s %d %0500d", text, 7, 1);
    text[0] = 'x';
    assert_string_equal(copy, "hello");
    assert_true(span_is(span, "hel"));
    assert_string_equal(of, "el");
    assert_int_equal(strlen(printed), 508);
    assert_int_equal(strncmp(printed, "hello 7 0", 9), 0);
    assert_string_equal(arena_string_of(a, span_make(NULL, 0)), "");
    assert_int_equal(arena_span(a, span_make(NULL, 0)).len, 0);
    uint32_t *array = arena_array(a, 10, sizeof *array);
    for (int i = 0; i < 10; i++)
        assert_int_equal(array[i], 0);
    assert_non_null(arena_array(a, 0, 100));
}

/* What was there before a mark stays, however much was taken behind it; what is taken
 * again is as good as new. */
static void goes_back(void **state)
{
    static const size_t sizes[] = {0, 10, 900, 5000, 8192, 8193, 100000};
    const size_t count = sizeof sizes / sizeof *sizes;

    (void)state;
    for (size_t before = 0; before < 40; before++) {
        AUTO(arena) struct arena *a = arena_new();
        uint8_t *kept[40];
        for (size_t i = 0; i < before; i++) {
            kept[i] = arena_get(a, sizes[i % count] + 1);
            memset(kept[i], (int)i + 1, sizes[i % count] + 1);
        }
        const struct arena_mark mark = arena_mark(a);
        for (size_t round = 0; round < 3; round++) {
            for (size_t i = 0; i < round * before; i++)
                memset(arena_room(a, sizes[i % count]), 0xee, sizes[i % count]);
            (void)arena_get(a, 20000);
            arena_go_back(a, &mark);
        }
        for (size_t i = 0; i < before; i++)
            for (size_t k = 0; k <= sizes[i % count]; k++)
                assert_int_equal(kept[i][k], i + 1);
        uint8_t *again = arena_get(a, 3000);
        for (size_t k = 0; k < 3000; k++)
            assert_int_equal(again[k], 0);
    }
}

static char order[10];

static void note(void *object)
{
    size_t len = strlen(order);

    order[len] = *(const char *)object;
    order[len + 1] = '\0';
}

/* What it owns is dropped newest first, once, at a reset too. */
static void owns(void **state)
{
    struct arena *a = arena_new();
    char one[] = "1";
    char two[] = "2";
    char three[] = "3";

    (void)state;
    order[0] = '\0';
    assert_ptr_equal(arena_own(a, one, note), one);
    (void)arena_own(a, two, note);
    (void)arena_own(a, three, note);
    arena_reset(a);
    assert_string_equal(order, "321");
    (void)arena_own(a, two, note);
    arena_free(a);
    assert_string_equal(order, "3212");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces),
        cmocka_unit_test(copies),
        cmocka_unit_test(goes_back),
        cmocka_unit_test(owns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
