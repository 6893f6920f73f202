/* Tests of client/renewal/renewal_when and renewal_backoff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/renewal/renewal_backoff.h"
#include "client/renewal/renewal_when.h"

#define MINUTE 60
#define HOUR   3600
#define DAY    86400
#define NEVER  RENEWAL_WHEN_NEVER

/* Certificates begin at BORN; due times are seconds after that. */
#define BORN 1700000000LL

static void when_due(void **state)
{
    static const struct {
        const char *rule;
        int64_t life;
        int64_t moment; /* suggested, after BORN; 0: none */
        int64_t due;
        enum renewal_reason reason;
    } rows[] = {
        {"auto", 90 * DAY, 0, 60 * DAY, RENEWAL_REASON_LIFETIME},
        {"auto", 45 * DAY, 0, 30 * DAY, RENEWAL_REASON_LIFETIME},
        {"auto", 10 * DAY, 0, 576000, RENEWAL_REASON_LIFETIME},
        {"auto", 6 * DAY, 0, 3 * DAY, RENEWAL_REASON_LIFETIME},
        {"auto", 160 * HOUR, 0, 80 * HOUR, RENEWAL_REASON_LIFETIME},
        {"auto", 4 * HOUR, 0, 2 * HOUR, RENEWAL_REASON_LIFETIME},
        {"auto", 10, 0, 5, RENEWAL_REASON_LIFETIME},
        {"auto", 0, 0, 0, RENEWAL_REASON_LIFETIME},
        {"auto", 90 * DAY, 59 * DAY, 59 * DAY, RENEWAL_REASON_SUGGESTED},
        {"auto", 90 * DAY, 1, 1, RENEWAL_REASON_SUGGESTED},
        {"auto", 6 * DAY, 5 * DAY, 5 * DAY, RENEWAL_REASON_SUGGESTED},
        /* a suggestion of the last twelfth, or behind the end, is too late */
        {"auto", 90 * DAY, 82 * DAY, 82 * DAY, RENEWAL_REASON_SUGGESTED},
        {"auto", 90 * DAY, 83 * DAY, 82 * DAY + 12 * HOUR, RENEWAL_REASON_ENDING},
        {"auto", 90 * DAY, 400 * DAY, 82 * DAY + 12 * HOUR, RENEWAL_REASON_ENDING},
        {"30d", 90 * DAY, 1, 60 * DAY, RENEWAL_REASON_RULE},
        {"12h", 6 * DAY, 0, 5 * DAY + 12 * HOUR, RENEWAL_REASON_RULE},
        {"30d", 6 * DAY, 0, 3 * DAY, RENEWAL_REASON_LIFETIME},
        {"90d", 90 * DAY, 0, 60 * DAY, RENEWAL_REASON_LIFETIME},
        {"40%", 100 * DAY, 1, 60 * DAY, RENEWAL_REASON_RULE},
        {"99%", 100 * HOUR, 0, 1 * HOUR, RENEWAL_REASON_RULE},
        {"never", 90 * DAY, 1, NEVER, RENEWAL_REASON_NEVER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct renew_rule rule;
        struct renewal_state known = {0};
        assert_true(renew_rule_read(rows[i].rule, &rule));
        if (rows[i].moment != 0)
            known.ari.moment = BORN + rows[i].moment;
        int64_t due = rows[i].due == NEVER ? NEVER : BORN + rows[i].due;
        struct renewal_when w =
            renewal_when(&rule, BORN, BORN + rows[i].life, &known, BORN - 1);
        if (w.due != due || w.attempt != due || w.reason != rows[i].reason)
            fail_msg("row %zu: due %lld, attempt %lld, reason %d", i,
                     (long long)(w.due - BORN), (long long)(w.attempt - BORN),
                     (int)w.reason);
        assert_false(w.now);
        assert_false(w.waits);
        if (due == NEVER)
            continue;
        assert_false(renewal_when(&rule, BORN, BORN + rows[i].life, &known, due - 1).now);
        assert_true(renewal_when(&rule, BORN, BORN + rows[i].life, &known, due).now);
        assert_true(
            renewal_when(&rule, BORN, BORN + rows[i].life, &known, due + 10 * 365LL * DAY)
                .now);
    }
}

/* A certificate of 90 days, due after 60, whose renewal failed. */
static void after_failures(void **state)
{
    static const struct {
        int64_t failed; /* days are of its life */
        int64_t not_before;
        int64_t now;
        bool tried;
        bool waits;
    } rows[] = {
        {60 * DAY, 60 * DAY + MINUTE, 60 * DAY + MINUTE - 1, false, true},
        {60 * DAY, 60 * DAY + MINUTE, 60 * DAY + MINUTE, true, false},
        {60 * DAY, 67 * DAY, 66 * DAY, false, true},
        /* forced before it was due, and failed: it is due when it is due */
        {10 * DAY, 11 * DAY, 12 * DAY, false, false},
        {59 * DAY, 61 * DAY, 60 * DAY, false, true},
        /* the clock was years ahead then */
        {900 * DAY, 901 * DAY, 60 * DAY, true, false},
        {60 * DAY + 5 * MINUTE, 61 * DAY, 60 * DAY, false, true},
        {60 * DAY + 5 * MINUTE + 1, 61 * DAY, 60 * DAY, true, false},
    };
    const struct renew_rule rule = {.kind = RENEW_RULE_AUTO};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct renewal_state known = {
            .failure = {.count = 1,
                        .code = "NETWORK",
                        .when = BORN + rows[i].failed,
                        .not_before = BORN + rows[i].not_before}};
        struct renewal_when w =
            renewal_when(&rule, BORN, BORN + 90 * DAY, &known, BORN + rows[i].now);
        if (w.now != rows[i].tried || w.waits != rows[i].waits)
            fail_msg("row %zu: now %d, waits %d", i, w.now, w.waits);
    }
}

static void not_after_we_revoked_it(void **state)
{
    const struct renew_rule rule = {.kind = RENEW_RULE_AUTO};
    const struct renewal_state known = {.revoked = true, .ari = {.moment = 1}};
    struct renewal_when w = renewal_when(&rule, BORN, BORN + DAY, &known, BORN + 9 * DAY);

    (void)state;
    assert_false(w.now);
    assert_int_equal(w.reason, RENEWAL_REASON_NEVER);
}

static void when_to_ask(void **state)
{
    static const struct {
        const char *certificate;
        int64_t asked;
        int64_t after;
        bool ask;
    } rows[] = {
        {NULL, 0, 0, true},           {"aa.bb", 900, 1001, false},
        {"aa.bb", 900, 1000, true},   {"aa.cc", 900, 2000, true},
        {"aa.bb", 1301, 9000, true}, /* the clock was set back */
        {"aa.bb", 1300, 9000, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct renewal_state known = {.ari = {.certificate = rows[i].certificate,
                                                    .asked = rows[i].asked,
                                                    .ask_after = rows[i].after}};
        assert_int_equal(renewal_when_ask(&known, "aa.bb", 1000), rows[i].ask);
    }
}

static void backing_off(void **state)
{
    static const struct {
        int64_t failures;
        int64_t wait;
        int64_t of_ca;
    } rows[] = {{1, MINUTE, MINUTE},
                {2, 10 * MINUTE, 5 * MINUTE},
                {3, 100 * MINUTE, 15 * MINUTE},
                {4, DAY, HOUR},
                {5, DAY, HOUR},
                {INT64_MAX, DAY, HOUR},
                {0, MINUTE, MINUTE}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t least = INT64_MAX;
        int64_t most = 0;
        for (uint64_t random = 0; random < 20000; random++) {
            int64_t wait = renewal_backoff_seconds(rows[i].failures, random);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        assert_int_equal(least, rows[i].wait - rows[i].wait / 10);
        assert_int_equal(most, rows[i].wait + rows[i].wait / 10);
        int64_t wait = renewal_backoff_ca_seconds(rows[i].failures, UINT64_MAX);
        assert_in_range(wait, rows[i].of_ca * 9 / 10, rows[i].of_ca * 11 / 10);
    }
}

static void less_patience_near_the_end(void **state)
{
    static const struct {
        int64_t wait;
        int64_t left;
        int64_t counts;
    } rows[] = {
        {DAY, 30 * DAY, DAY},
        {DAY, 4 * DAY, 12 * HOUR},
        {DAY, 8 * MINUTE, MINUTE},
        {DAY, 1, MINUTE},
        {DAY, 0, HOUR},
        {DAY, -90 * DAY, HOUR},
        {55, 1, 55},
        {10 * MINUTE, HOUR, 450},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(renewal_backoff_within(rows[i].wait, rows[i].left),
                         rows[i].counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_due),
        cmocka_unit_test(after_failures),
        cmocka_unit_test(not_after_we_revoked_it),
        cmocka_unit_test(when_to_ask),
        cmocka_unit_test(backing_off),
        cmocka_unit_test(less_patience_near_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
