/* Tests of server/order/renewal_window: RFC 9773 4.2 and 4.3; rows S-ARI-4 to 6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/order/renewal.h"

#define BEGIN  INT64_C(1800000000)
#define MINUTE 60
#define HOUR   3600
#define DAY    (24 * HOUR)

static const struct settings settings = {
    .renewal_poll = 6 * HOUR * 1000, .renewal_revoked_url = "https://ca.test/revoked"};

/* The example's name. */
static struct renewal_life life_of(int64_t seconds)
{
    struct renewal_life life = {
        .id = span_of("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"),
        .not_before = BEGIN,
        .not_after = BEGIN + seconds - 1,
    };
    return life;
}

static struct renewal_window window_at(const struct renewal_life *life,
                                       const struct store_incident *incident, int64_t now)
{
    struct renewal_window window = {0};

    renewal_window_make(life, &settings, incident, now, &window);
    assert_true(window.start < window.end); /* RFC 9773 4.2: MUST NOT serve otherwise */
    assert_true(window.poll >= MINUTE && window.poll <= DAY);
    return window;
}

/* Worked out in Python: shift = int(sha256(name)[:8]) % (2 * (L // 60) + 1) - L // 60;
 * centre = L // 3 * 2 + shift, or L // 2 + shift below ten days; half = L // 90. */
static void windows(void **state)
{
    static const struct {
        int64_t lifetime;
        int64_t start;
        int64_t end;
    } rows[] = {
        {90 * DAY, 5189789, 5362589},
        {45 * DAY, 2565077, 2651477},
        {10 * DAY, 573939, 593139},
        {160 * HOUR, 279419, 292219},
        {1 * HOUR, 1774, 1854},
        {5 * MINUTE, 150, 156},
        {1, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct renewal_life life = life_of(rows[i].lifetime);
        const struct renewal_window window = window_at(&life, NULL, BEGIN);
        assert_int_equal(window.start - BEGIN, rows[i].start);
        assert_int_equal(window.end - BEGIN, rows[i].end);
        assert_null(window.explanation);
        /* whenever it is asked for */
        const struct renewal_window later = window_at(&life, NULL, BEGIN + rows[i].end);
        assert_int_equal(later.start, window.start);
        assert_int_equal(later.end, window.end);
    }
}

/* Issued in one second: the windows lie side by side, all of them where they may. */
static void issued_in_bulk(void **state)
{
    static const int64_t lifetimes[] = {90 * DAY, 45 * DAY, 160 * HOUR, HOUR};
    char id[32];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct renewal_life life = life_of(lifetimes[i]);
        int64_t centre =
            BEGIN + (lifetimes[i] < 10 * DAY ? lifetimes[i] / 2 : lifetimes[i] / 3 * 2);
        int64_t reach = lifetimes[i] / 60 + lifetimes[i] / 90;
        size_t tenths[10] = {0};
        for (int n = 0; n < 1000; n++) {
            life.id = span_make(id, (size_t)snprintf(id, sizeof id, "AQ.%d", n));
            const struct renewal_window w = window_at(&life, NULL, BEGIN);
            assert_true(w.start >= centre - reach && w.end <= centre + reach);
            int64_t middle = (w.start + w.end) / 2 - (centre - lifetimes[i] / 60);
            int64_t tenth = middle * 10 / (2 * (lifetimes[i] / 60) + 1);
            assert_true(tenth >= 0 && tenth < 10);
            tenths[tenth]++;
        }
        for (int n = 0; n < 10; n++)
            assert_true(tenths[n] > 50 && tenths[n] < 150);
    }
}

static void how_often_to_ask(void **state)
{
    static const struct {
        int64_t lifetime;
        int64_t at; /* since the beginning */
        int64_t poll;
    } rows[] = {
        {90 * DAY, 0, 6 * HOUR},
        {90 * DAY, 61 * DAY, 6 * HOUR}, /* an eighth of two days is as long */
        {90 * DAY, 90 * DAY - 1, 6 * HOUR},
        {90 * DAY, 90 * DAY, DAY}, /* it has ended: no client asks any more */
        {160 * HOUR, 0, 4 * HOUR},
        {160 * HOUR, 279419 - 4 * HOUR - 1, 4 * HOUR},
        {160 * HOUR, 279419 - 4 * HOUR, 1600},
        {160 * HOUR, 150 * HOUR, 1600},
        {HOUR, 0, 90},
        {HOUR, 1800, MINUTE},
        {5 * MINUTE, 0, MINUTE},
    };
    struct renewal_life life;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        life = life_of(rows[i].lifetime);
        assert_int_equal(window_at(&life, NULL, BEGIN + rows[i].at).poll, rows[i].poll);
    }
    life = life_of(90 * DAY);
    life.replaced = true;
    assert_int_equal(window_at(&life, NULL, BEGIN).poll, DAY);
}

static void revoked(void **state)
{
    struct renewal_life life = life_of(90 * DAY);
    const struct store_incident incident = {
        .created = BEGIN + DAY, .over = HOUR, .explanation = "https://ca.test/why"};
    const struct store_incident silent = {
        .created = BEGIN, .over = HOUR, .explanation = ""};

    (void)state;
    life.revoked = BEGIN + 2 * DAY;
    struct renewal_window w = window_at(&life, NULL, life.revoked);
    assert_true(w.end < life.revoked);
    assert_string_equal(w.explanation, "https://ca.test/revoked");
    assert_true(w.poll < HOUR);
    w = window_at(&life, &silent, life.revoked);
    assert_true(w.end < life.revoked);
    assert_string_equal(w.explanation, "https://ca.test/revoked");
    w = window_at(&life, &incident, life.revoked);
    assert_true(w.end < life.revoked);
    assert_string_equal(w.explanation, "https://ca.test/why");
    /* the replaced one too, if somebody still has it */
    life.replaced = true;
    w = window_at(&life, NULL, life.revoked);
    assert_true(w.end < life.revoked);
    assert_true(w.poll < HOUR);
}

static void an_incident(void **state)
{
    static const int64_t lifetimes[] = {90 * DAY, 45 * DAY, 160 * HOUR, HOUR};
    const struct store_incident incident = {.created = BEGIN + 10 * MINUTE,
                                            .over = 2 * HOUR,
                                            .explanation = "https://ca.test/why"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct renewal_life life = life_of(lifetimes[i]);
        const struct renewal_window usual = window_at(&life, NULL, BEGIN);
        const struct renewal_window w = window_at(&life, &incident, incident.created);
        assert_int_equal(w.start, incident.created);
        assert_int_equal(w.end, usual.end < incident.created + 2 * HOUR
                                    ? usual.end
                                    : incident.created + 2 * HOUR);
        assert_string_equal(w.explanation, "https://ca.test/why");
        assert_true(w.poll <= 15 * MINUTE);
    }
    /* one that would have been renewed earlier is not told to wait */
    const struct renewal_life life = life_of(90 * DAY);
    const struct renewal_window usual = window_at(&life, NULL, BEGIN);
    struct store_incident late = incident;
    late.created = usual.start + 60;
    late.explanation = "";
    struct renewal_window w = window_at(&life, &late, late.created);
    assert_int_equal(w.start, usual.start);
    assert_int_equal(w.end, late.created + late.over);
    assert_null(w.explanation);
    late.created = usual.end + DAY;
    w = window_at(&life, &late, late.created);
    assert_int_equal(w.start, usual.start);
    assert_int_equal(w.end, usual.end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),          cmocka_unit_test(issued_in_bulk),
        cmocka_unit_test(how_often_to_ask), cmocka_unit_test(revoked),
        cmocka_unit_test(an_incident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
