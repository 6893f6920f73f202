/* Tests of core/base/clock; the C library is the other opinion about the calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "core/base/clock.h"

static void civil(void **state)
{
    (void)state;
    /* every 9 hours and some over 400 years, leap years of all kinds included */
    for (int64_t s = INT64_C(-2208988800); s < INT64_C(10413792000); s += 32423) {
        time_t t = (time_t)s;
        struct tm theirs;
        int64_t back = 0;
        char text[CLOCK_TEXT_SIZE];
        char wanted[CLOCK_TEXT_SIZE];
        assert_non_null(gmtime_r(&t, &theirs));
        struct clock_civil c = clock_civil(s);
        if (c.year != theirs.tm_year + 1900 || c.month != theirs.tm_mon + 1 ||
            c.day != theirs.tm_mday || c.hour != theirs.tm_hour ||
            c.minute != theirs.tm_min || c.second != theirs.tm_sec)
            fail_msg("%lld", (long long)s);
        assert_true(clock_from_civil(c, &back));
        assert_true(back == s);
        clock_text(text, s);
        (void)strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%SZ", &theirs);
        assert_string_equal(text, wanted);
        assert_true(clock_read(span_of(text), &back) && back == s);
    }
}

static void not_civil(void **state)
{
    static const struct clock_civil bad[] = {
        {2026, 0, 1, 0, 0, 0},  {2026, 13, 1, 0, 0, 0}, {2026, 1, 0, 0, 0, 0},
        {2026, 1, 32, 0, 0, 0}, {2026, 4, 31, 0, 0, 0}, {2026, 2, 29, 0, 0, 0},
        {2100, 2, 29, 0, 0, 0}, {2026, 1, 1, 24, 0, 0}, {2026, 1, 1, 0, 60, 0},
        {2026, 1, 1, 0, 0, 60}, {2026, 1, 1, -1, 0, 0},
    };
    int64_t s = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(clock_from_civil(bad[i], &s));
    assert_true(clock_from_civil((struct clock_civil){2000, 2, 29, 23, 59, 59}, &s));
    assert_true(s == 951868799);
}

static void read_texts(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2026-11-23T21:38:00Z", true, 1795469880},
        {"2026-11-23t21:38:00z", true, 1795469880},
        {"2026-11-23T21:38:00.123456Z", true, 1795469880},
        {"2026-11-23T22:38:00+01:00", true, 1795469880},
        {"2026-11-23T16:08:00-05:30", true, 1795469880},
        {"2026-11-24T00:00:00+23:59", true, 1795392060},
        {"", false, 0},
        {"2026-11-23", false, 0},
        {"2026-11-23T21:38:00", false, 0},
        {"2026-11-23T21:38:00ZZ", false, 0},
        {"2026-11-23T21:38Z", false, 0},
        {"2026-11-31T21:38:00Z", false, 0},
        {"2026-11-23T24:00:00Z", false, 0},
        {"2026-11-23T21:38:00.Z", false, 0},
        {"2026-11-23T21:38:00+1:00", false, 0},
        {"2026-11-23T21:38:00+24:00", false, 0},
        {"2026-11-23T21:38:00+01:60", false, 0},
        {"+026-11-23T21:38:00Z", false, 0},
        {" 2026-11-23T21:38:00Z", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t s = -7;
        if (clock_read(span_of(rows[i].text), &s) != rows[i].good)
            fail_msg("%s", rows[i].text);
        if (rows[i].good && s != rows[i].seconds)
            fail_msg("%s: %lld", rows[i].text, (long long)s);
        assert_true(rows[i].good || s == -7);
    }
}

static void now(void **state)
{
    (void)state;
    assert_in_range(clock_now() - (int64_t)time(NULL) + 5, 0, 10);
    int64_t before = clock_now_ms();
    clock_shift_ms(3600000);
    assert_in_range(clock_now_ms() - before, 3600000, 3660000);
    assert_in_range(clock_now() - before / 1000, 3599, 3660);
    clock_shift_ms(0);
    int64_t last = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        int64_t next = clock_monotonic_us();
        assert_true(next >= last);
        last = next;
    }
}

/* It goes on while this thread works, and not while it sleeps. */
static void thread_time(void **state)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000000L};
    int64_t begun = clock_thread_us();

    (void)state;
    while (clock_thread_us() - begun < 10000)
        ;
    begun = clock_thread_us();
    assert_int_equal(nanosleep(&pause, NULL), 0);
    assert_in_range(clock_thread_us() - begun, 0, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil),       cmocka_unit_test(not_civil),
        cmocka_unit_test(read_texts),  cmocka_unit_test(now),
        cmocka_unit_test(thread_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
