/* Tests of server/limit/gcra against another model: a queue with one server, who works
 * on each job for an interval. Whoever comes while fewer than `burst` jobs are unfinished
 * passes and leaves a job. The list of all jobs is kept and counted anew each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "core/base/random.h"
#include "server/limit/gcra.h"

#define START    (INT64_C(1790000000) * 1000000)
#define JOBS_MAX 4000
#define SECOND   INT64_C(1000000)
#define YEAR     (INT64_C(365) * 86400 * SECOND)

static struct rate rate_of(const char *text)
{
    struct rate rate = {0};

    assert_int_equal(rate_read(span_of(text), &rate, NULL), ERR_OK);
    return rate;
}

struct queue {
    int64_t passed[JOBS_MAX];   /* when */
    int64_t finished[JOBS_MAX]; /* when */
    size_t count;
};

static int64_t unfinished(const struct queue *q, int64_t at)
{
    int64_t many = 0;

    for (size_t i = 0; i < q->count; i++)
        many += q->finished[i] > at ? 1 : 0;
    return many;
}

static bool queue_take(struct queue *q, const struct rate *rate, int64_t now,
                       int64_t *wait)
{
    int64_t begin = now;

    if (unfinished(q, now) >= rate->burst) {
        int64_t soonest = INT64_MAX;
        for (size_t i = 0; i < q->count; i++)
            if (q->finished[i] > now && unfinished(q, q->finished[i]) < rate->burst &&
                q->finished[i] < soonest)
                soonest = q->finished[i];
        *wait = soonest - now;
        return false;
    }
    if (q->count > 0 && q->finished[q->count - 1] > now)
        begin = q->finished[q->count - 1];
    q->passed[q->count] = now;
    q->finished[q->count++] = begin + rate->interval_us;
    return true;
}

/* In any time t pass at most burst + t / interval. */
static void assert_bound(const struct queue *q, const struct rate *rate)
{
    for (size_t i = 0; i < q->count; i++)
        for (size_t j = i; j < q->count; j++)
            assert_true((int64_t)(j - i + 1) <=
                        rate->burst + (q->passed[j] - q->passed[i]) / rate->interval_us);
}

static void like_the_queue(void **state)
{
    static const char *const texts[] = {"1/1s",      "5/1h",    "5/1h 1",     "3/7s",
                                        "300/3h 50", "10/1m 2", "100/100s 7", "2/366d"};

    (void)state;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        const struct rate rate = rate_of(texts[t]);
        struct queue *q = calloc(1, sizeof *q);
        int64_t now = START;
        int64_t tat = 0;
        size_t refused = 0;
        assert_non_null(q);
        for (int i = 0; i < 600; i++) {
            int64_t wait = 0;
            int64_t expected = 0;
            bool passes = queue_take(q, &rate, now, &expected);
            assert_int_equal(gcra_take(&rate, &tat, now, &wait), passes);
            assert_int_equal(wait, expected);
            assert_int_equal(gcra_left(&rate, tat, now), rate.burst - unfinished(q, now));
            refused += passes ? 0 : 1;
            /* now and then exactly when it is said, or just before */
            if (!passes && i % 3 == 0)
                now += wait - (i % 2);
            else
                now += (int64_t)random_below((uint64_t)rate.interval_us *
                                             (i % 50 == 0 ? 20 : 1));
        }
        assert_true(refused > 10 && q->count > 10);
        assert_bound(q, &rate);
        free(q);
    }
}

static void exact_moments(void **state)
{
    const struct rate rate = rate_of("3/30s");
    int64_t tat = 0;
    int64_t wait = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(gcra_take(&rate, &tat, START, &wait));
    assert_false(gcra_take(&rate, &tat, START, &wait));
    assert_int_equal(wait, 10 * SECOND);
    assert_false(gcra_take(&rate, &tat, START + 10 * SECOND - 1, &wait));
    assert_int_equal(wait, 1);
    assert_true(gcra_take(&rate, &tat, START + 10 * SECOND, &wait));
    assert_int_equal(gcra_left(&rate, tat, START + 10 * SECOND), 0);
    assert_int_equal(gcra_left(&rate, tat, START + 40 * SECOND), 3);
}

static void given_back(void **state)
{
    const struct rate rate = rate_of("3/30s");
    int64_t tat = 0;
    int64_t wait = 0;

    (void)state;
    assert_true(gcra_take(&rate, &tat, START, &wait));
    assert_true(gcra_take(&rate, &tat, START, &wait));
    gcra_return(&rate, &tat, START);
    assert_int_equal(gcra_left(&rate, tat, START), 2);
    for (int i = 0; i < 9; i++) /* never more than there were */
        gcra_return(&rate, &tat, START);
    assert_int_equal(gcra_left(&rate, tat, START), 3);
    for (int i = 0; i < 9; i++) /* never less than nothing */
        gcra_charge(&rate, &tat, START);
    assert_int_equal(gcra_left(&rate, tat, START), 0);
    assert_false(gcra_take(&rate, &tat, START, &wait));
    assert_int_equal(wait, 10 * SECOND);
}

/* A clock set back: by a little, one interval; by more, all is forgiven. */
static void nobody_waits_for_years(void **state)
{
    const struct rate rate = rate_of("3/30s");
    int64_t used_up = START + rate.room_us;
    int64_t tat = used_up + GCRA_CLOCK_US;
    int64_t wait = 0;

    (void)state;
    assert_false(gcra_take(&rate, &tat, START, &wait));
    assert_int_equal(wait, 10 * SECOND);
    assert_int_equal(gcra_left(&rate, tat, START), 0);
    assert_true(gcra_new(&rate, tat, START) == used_up);
    gcra_return(&rate, &tat, START);
    assert_true(gcra_take(&rate, &tat, START, &wait));
    assert_true(tat == used_up);
    tat = used_up + GCRA_CLOCK_US + 1;
    assert_true(gcra_new(&rate, tat, START) == START);
    assert_int_equal(gcra_left(&rate, tat, START), 3);
    tat = START + 20 * YEAR;
    assert_true(gcra_take(&rate, &tat, START, &wait));
    assert_int_equal(gcra_left(&rate, tat, START), 2);
    /* a clock set forward forgives */
    assert_int_equal(gcra_left(&rate, tat, START + YEAR), 3);
    tat = INT64_MAX; /* a store that is damaged */
    gcra_charge(&rate, &tat, START);
    assert_true(tat == START + rate.interval_us);
    tat = INT64_MIN;
    assert_true(gcra_take(&rate, &tat, START, &wait));
}

/* What was spent stays spent, by number. */
static void under_another_rate(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        int spent;
        int64_t left;
    } rows[] = {
        {"1/7d", "2/7d", 1, 1},      {"2/7d", "1/7d", 1, 0},  {"10/1h", "4/1h", 3, 1},
        {"10/1h", "4/1h", 9, 0},     {"4/1h", "10/1h", 4, 6}, {"4/1h", "4/9h 9", 2, 7},
        {"100/1h", "100/9h", 7, 93}, {"off", "4/1h", 0, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rate from = rate_of(rows[i].from);
        const struct rate to = rate_of(rows[i].to);
        int64_t tat = 0;
        for (int n = 0; n < rows[i].spent; n++)
            gcra_charge(&from, &tat, START);
        gcra_convert(&from, &to, &tat, START);
        assert_int_equal(gcra_left(&to, tat, START), rows[i].left);
        const struct rate none = {0};
        int64_t kept = tat;
        gcra_convert(&to, &none, &tat, START);
        assert_true(tat == kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_the_queue),     cmocka_unit_test(exact_moments),
        cmocka_unit_test(given_back),         cmocka_unit_test(nobody_waits_for_years),
        cmocka_unit_test(under_another_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
