/* Tests of client/settings/renew_rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/settings/renew_rule.h"

static void rules(void **state)
{
    static const struct {
        const char *text;
        struct renew_rule rule;
    } rows[] = {
        {"auto", {.kind = RENEW_RULE_AUTO}},
        {"never", {.kind = RENEW_RULE_NEVER}},
        {"30d", {.kind = RENEW_RULE_BEFORE, .before_s = 30 * 86400}},
        {"90m", {.kind = RENEW_RULE_BEFORE, .before_s = 5400}},
        {"1s", {.kind = RENEW_RULE_BEFORE, .before_s = 1}},
        {"40%", {.kind = RENEW_RULE_SHARE, .percent = 40}},
        {"1%", {.kind = RENEW_RULE_SHARE, .percent = 1}},
        {"99%", {.kind = RENEW_RULE_SHARE, .percent = 99}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct renew_rule rule = {0};
        assert_true(renew_rule_read(rows[i].text, &rule));
        assert_int_equal(rule.kind, rows[i].rule.kind);
        assert_int_equal(rule.before_s, rows[i].rule.before_s);
        assert_int_equal(rule.percent, rows[i].rule.percent);
    }
}

static void no_rules(void **state)
{
    static const char *const texts[] = {"",      "0",   "0s",   "999ms", "%",    "0%",
                                        "100%",  "-1%", "1.5%", "30",    "30 d", "Auto",
                                        "auto ", "d",   "40%%", "always"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct renew_rule rule = {.kind = RENEW_RULE_SHARE, .percent = 7};
        if (renew_rule_read(texts[i], &rule))
            fail_msg("\"%s\" is read", texts[i]);
        assert_int_equal(rule.percent, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(no_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
