/* Tests of server/settings/rate: what is read, what is refused and how it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/settings/rate.h"

#define HOUR_MS 3600000LL
#define DAY_MS  (24 * HOUR_MS)

static void reading(void **state)
{
    static const struct {
        const char *text;
        int64_t count, duration_ms, burst, interval_us;
        const char *again; /* as it is written, NULL: the same */
        const char *words;
    } rows[] = {
        {"300/3h", 300, 3 * HOUR_MS, 300, 36000000, NULL, "300 in 3 hours"},
        {"300/3h 50", 300, 3 * HOUR_MS, 50, 36000000, NULL, "300 in 3 hours, 50 at once"},
        {"50/7d", 50, 7 * DAY_MS, 50, 12096000000, NULL, "50 in 7 days"},
        {" 1/1s ", 1, 1000, 1, 1000000, "1/1s", "1 in 1 second"},
        {"5/60m", 5, HOUR_MS, 5, 720000000, "5/1h", "5 in 1 hour"},
        {"10/1500ms  20", 10, 1500, 20, 150000, "10/1500ms 20",
         "10 in 1500 milliseconds, 20 at once"},
        {"3/90s 3", 3, 90000, 3, 30000000, "3/90s", "3 in 90 seconds"},
        {"1000000/366d", 1000000, 366 * DAY_MS, 1000000, 31622400, NULL,
         "1000000 in 366 days"},
        {"1000000/1s", 1000000, 1000, 1000000, 1, NULL, "1000000 in 1 second"},
        {"1/366d 10", 1, 366 * DAY_MS, 10, 366 * DAY_MS * 1000, NULL,
         "1 in 366 days, 10 at once"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        struct rate rate = {0};
        char text[RATE_TEXT_SIZE];
        if (rate_read(span_of(rows[i].text), &rate, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].text, why.detail);
        assert_int_equal(rate.count, rows[i].count);
        assert_int_equal(rate.duration_ms, rows[i].duration_ms);
        assert_int_equal(rate.burst, rows[i].burst);
        assert_int_equal(rate.interval_us, rows[i].interval_us);
        assert_int_equal(rate.room_us, rows[i].interval_us * rows[i].burst);
        rate_text(&rate, text);
        assert_string_equal(text, rows[i].again != NULL ? rows[i].again : rows[i].text);
        rate_words(&rate, text);
        assert_string_equal(text, rows[i].words);
    }
}

static void off(void **state)
{
    struct rate rate = {.count = 7};
    char text[RATE_TEXT_SIZE];

    (void)state;
    assert_int_equal(rate_read(span_of("off"), &rate, NULL), ERR_OK);
    assert_int_equal(rate.count, 0);
    rate_text(&rate, text);
    assert_string_equal(text, "off");
}

static void refusals(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", "is no rate"},
        {"300", "is no rate"},
        {"OFF", "is no rate"},
        {"300 3h", "is no rate"},
        {"300 /3h", "is no rate"},
        {"0/3h", "the count must be"},
        {"-1/3h", "the count must be"},
        {"x/3h", "the count must be"},
        {"1.5/3h", "the count must be"},
        {"1000001/3h", "the count must be"},
        {"99999999999999999999/3h", "the count must be"},
        {"300/", "the duration must be"},
        {"300/3", "the duration must be"},
        {"300/0", "the duration must be"},
        {"300/999ms", "the duration must be"},
        {"300/367d", "the duration must be"},
        {"300/h", "the duration must be"},
        {"300/ 3h", "the duration must be"},
        {"300/3h/2", "the duration must be"},
        {"300/3h x", "the burst must be"},
        {"300/3h 0", "the burst must be"},
        {"300/3h 5 5", "the burst must be"},
        {"300/3h 1000001", "the burst must be"},
        {"1/366d 11", "more than ten years"},
        {"1/1d 1000000", "more than ten years"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err_info why = {0};
        struct rate rate = {.count = 7};
        if (rate_read(span_of(rows[i].text), &rate, &why) != ERR_CONFIG)
            fail_msg("%s is taken", rows[i].text);
        if (strstr(why.detail, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].text, why.detail);
        assert_int_equal(rate.count, 7);
    }
}

static void kinds(void **state)
{
    (void)state;
    for (int i = 0; i < RATE_KINDS; i++) {
        enum rate_kind kind = RATE_KINDS;
        assert_true(rate_kind_read(rate_kind_word((enum rate_kind)i), &kind));
        assert_int_equal(kind, i);
        const char *mark = strstr(rate_kind_sentence(kind), "%s");
        assert_non_null(mark);
        assert_null(strchr(mark + 2, '%'));
    }
    enum rate_kind none = RATE_KINDS;
    assert_false(rate_kind_read("new_orders", &none));
    assert_int_equal(none, RATE_KINDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(off),
        cmocka_unit_test(refusals),
        cmocka_unit_test(kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
