/* Tests of client/renewal/renewal_notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/renewal/renewal_notice.h"

#define HOUR  3600
#define DAY   86400LL
#define NOW   1700000000LL
#define NEVER RENEWAL_WHEN_NEVER

#define NONE      RENEWAL_NOTICE_NONE
#define FAILED    RENEWAL_NOTICE_FAILED
#define DEPLOY    RENEWAL_NOTICE_DEPLOY
#define EXPIRES   RENEWAL_NOTICE_EXPIRES
#define RECOVERED RENEWAL_NOTICE_RECOVERED

struct row {
    const char *rule;
    int64_t life;
    int64_t left; /* until the end; life and left 0: there is no certificate */
    int64_t failures;
    int64_t deploy_failures;
    struct renewal_told told; /* relative to NOW, 0 is 0 */
    enum renewal_notice notice;
    int64_t when; /* after NOW */
};

static const struct row rows[] = {
    /* nothing wrong: the end is known long before */
    {"15%", 100 * DAY, 90 * DAY, 0, 0, {0}, EXPIRES, 75 * DAY},
    {"10d", 100 * DAY, 90 * DAY, 0, 0, {0}, EXPIRES, 80 * DAY},
    {"never", 100 * DAY, 1, 0, 0, {0}, NONE, NEVER},
    {"15%", 0, 0, 0, 0, {0}, NONE, NEVER},
    /* a time that is longer than half of a life is of no use for it */
    {"10d", 6 * DAY, 5 * DAY, 0, 0, {0}, EXPIRES, 5 * DAY - 77760},
    {"3d", 6 * DAY, 5 * DAY, 0, 0, {0}, EXPIRES, 2 * DAY},
    /* near, told once a day; and long past */
    {"15%", 100 * DAY, 15 * DAY, 0, 0, {0}, EXPIRES, 0},
    {"15%", 100 * DAY, 14 * DAY, 0, 0, {.expiry = -HOUR}, EXPIRES, DAY - HOUR},
    {"15%", 100 * DAY, 14 * DAY, 0, 0, {.expiry = -DAY}, EXPIRES, 0},
    {"15%", 100 * DAY, -14 * DAY, 0, 0, {.expiry = -2 * DAY}, EXPIRES, -DAY},
    /* told in a future that has not come: the clock was set back */
    {"15%", 100 * DAY, 14 * DAY, 0, 0, {.expiry = DAY}, EXPIRES, 0},
    /* failures: of the failure at NOW - 60 */
    {"never", 100 * DAY, 50 * DAY, 2, 0, {0}, NONE, NEVER},
    {"never", 100 * DAY, 50 * DAY, 3, 0, {0}, FAILED, 0},
    {"never", 0, 0, 4, 0, {0}, FAILED, 0},
    {"never", 100 * DAY, 50 * DAY, 4, 0, {.failure = -600}, FAILED, 0},
    {"never", 100 * DAY, 50 * DAY, 4, 0, {.failure = -60}, NONE, NEVER},
    {"never", 100 * DAY, 50 * DAY, 4, 0, {.after = HOUR}, FAILED, HOUR},
    {"never", 100 * DAY, 50 * DAY, 4, 0, {.after = -1}, FAILED, 0},
    {"never", 100 * DAY, 50 * DAY, 4, 0, {.after = 10 * DAY}, FAILED, 0},
    {"15%", 100 * DAY, 5 * DAY, 4, 0, {.failure = -60}, EXPIRES, 0},
    /* deployments: of the failure at NOW - 30 */
    {"never", 100 * DAY, 50 * DAY, 0, 2, {0}, NONE, NEVER},
    {"never", 100 * DAY, 50 * DAY, 0, 3, {0}, DEPLOY, 0},
    {"never", 100 * DAY, 50 * DAY, 0, 3, {.deploy = -30}, NONE, NEVER},
    {"never", 100 * DAY, 50 * DAY, 3, 3, {0}, FAILED, 0},
    {"never", 100 * DAY, 50 * DAY, 3, 3, {.failure = -60}, DEPLOY, 0},
    /* all is well again, and only then */
    {"15%", 100 * DAY, 90 * DAY, 0, 0, {.failure = -60}, RECOVERED, 0},
    {"15%", 100 * DAY, 90 * DAY, 0, 0, {.expiry = -60}, RECOVERED, 0},
    {"15%", 100 * DAY, 90 * DAY, 0, 0, {.deploy = -60}, RECOVERED, 0},
    {"never", 100 * DAY, 1, 0, 0, {.deploy = -60}, RECOVERED, 0},
    {"15%", 100 * DAY, 90 * DAY, 1, 0, {.failure = -900}, EXPIRES, 75 * DAY},
    {"15%", 100 * DAY, 90 * DAY, 0, 1, {.failure = -900}, EXPIRES, 75 * DAY},
    {"15%", 100 * DAY, 5 * DAY, 0, 0, {.failure = -900}, EXPIRES, 0},
};

static int64_t at(int64_t relative)
{
    return relative == 0 ? 0 : NOW + relative;
}

static void make(const struct row *r, struct renewal_state *state,
                 struct renewal_notice_facts *facts)
{
    *state = (struct renewal_state){.told = {at(r->told.failure), at(r->told.deploy),
                                             at(r->told.expiry), at(r->told.after)}};
    if (r->failures > 0)
        state->failure = (struct renewal_failure){
            .count = r->failures, .code = "REFUSED", .when = NOW - 60};
    *facts = (struct renewal_notice_facts){
        .failures = 3,
        .not_before = r->life == 0 ? 0 : NOW + r->left - r->life,
        .not_after = r->life == 0 ? 0 : NOW + r->left,
        .deploy_failures = r->deploy_failures,
        .deploy_failed_at = r->deploy_failures > 0 ? NOW - 30 : 0};
    assert_true(renew_rule_read(r->rule, &facts->rule));
}

static void what_and_when(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct renewal_state known;
        struct renewal_notice_facts facts;
        int64_t when = 0;
        make(&rows[i], &known, &facts);
        enum renewal_notice notice = renewal_notice_find(&known, &facts, NOW, &when);
        int64_t expected = rows[i].when == NEVER ? NEVER : NOW + rows[i].when;
        if (notice != rows[i].notice || when != expected)
            fail_msg("row %zu: %s in %lld s", i, renewal_notice_word(notice),
                     (long long)(when - NOW));
    }
}

/* Whatever is told is not told again at once, and it ends. */
static void each_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct renewal_state known;
        struct renewal_notice_facts facts;
        enum renewal_notice before = NONE;
        int64_t when = 0;
        int told = 0;
        make(&rows[i], &known, &facts);
        for (;;) {
            enum renewal_notice n = renewal_notice_find(&known, &facts, NOW, &when);
            if (n == NONE || when > NOW)
                break;
            assert_true(n != before && ++told <= 3);
            renewal_notice_done(&known, &facts, n, true, NOW);
            before = n;
        }
    }
}

static void what_could_not_be_told_waits(void **state)
{
    struct renewal_state known;
    struct renewal_notice_facts facts;
    int64_t when = 0;

    (void)state;
    make(&(struct row){"15%", 100 * DAY, 5 * DAY, 3, 0, {0}, NONE, 0}, &known, &facts);
    renewal_notice_done(&known, &facts, FAILED, false, NOW);
    assert_int_equal(renewal_notice_find(&known, &facts, NOW + 1, &when), FAILED);
    assert_int_equal(when, NOW + HOUR);
    assert_int_equal(renewal_notice_find(&known, &facts, NOW + HOUR, &when), FAILED);
    assert_int_equal(when, NOW + HOUR);
    renewal_notice_done(&known, &facts, FAILED, true, NOW + HOUR);
    assert_int_equal(renewal_notice_find(&known, &facts, NOW + HOUR, &when), EXPIRES);
    assert_int_equal(when, NOW + HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_and_when),
        cmocka_unit_test(each_once),
        cmocka_unit_test(what_could_not_be_told_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
