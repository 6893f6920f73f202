/* Tests of core/base/text_format, with vsnprintf as the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <wchar.h>

#include "core/base/text_format.h"

#define ROOM_MAX 96

/* Ours writes what theirs writes, in every room, and not a byte more. */
__attribute__((format(printf, 1, 2))) static void same(const char *format, ...)
{
    char ours[ROOM_MAX + 1];
    char theirs[ROOM_MAX + 1];
    va_list arguments;

    for (size_t room = 0; room <= ROOM_MAX; room++) {
        memset(ours, '#', sizeof ours);
        memset(theirs, '#', sizeof theirs);
        va_start(arguments, format);
        int got = text_format(ours, room, format, arguments);
        va_end(arguments);
        va_start(arguments, format);
        int wanted = vsnprintf(theirs, room, format, arguments);
        va_end(arguments);
        assert_int_equal(got, wanted);
        size_t len = (size_t)wanted < room ? (size_t)wanted + 1 : room;
        assert_memory_equal(ours, theirs, len);
        assert_int_equal(ours[room], '#');
    }
}

static void plain_ones(void **state)
{
    (void)state;
    same("nothing to put in");
    same("%s/%s/%lld", "https://ca.example/acme", "order", 1234567890123LL);
    same("%s", "");
    same("a%%b%c", 'x');
    same("%.*s|%.*s|%.*s", 3, "abcdef", 10, "abc", -1, "all");
    same("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    same("%u %u", 0U, UINT_MAX);
    same("%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
    same("%lld %lld", LLONG_MIN, LLONG_MAX);
    same("%llu %zu", ULLONG_MAX, SIZE_MAX);
    same("text behind %d of a length that is more than a line", 7);
}

/* Those that are not plain, alone and behind plain ones. */
static void others(void **state)
{
    (void)state;
    same("%s %06u.jsonl", "segment", 17U);
    same("%d %02d %-8s|", 5, 7, "left");
    same("%.3s %s", "abcdef", "behind");
    same("%x %X %#o", 255U, 255U, 8U);
    same("%s %5.2f %s", "number", 1.5, "end");
    same("%5c %hhu %hd", 'c', (unsigned char)3, (short)-4);
    same("%zd %jd %td", (ssize_t)-5, (intmax_t)-6, (ptrdiff_t)-7);
    same("%+d % d %i", 1, 2, 3);
    same("%lc", (wint_t)'w');
    same("%s %*d", "width", 6, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_ones),
        cmocka_unit_test(others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
