/* Tests of client/plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/plan/plan.h"

#define DAY 86400
#define NOW 1700000000LL
#define YAML                                                                             \
    "cas: {here: {directory: \"https://ca.test/dir\"}}\n"                                \
    "certificates: {a.test: {names: a.test, cas: here, %s}}\n"

static void names_in_any_order(void **state)
{
    const char *const there[] = {"a.test", "b.test"};
    const struct certificate_metadata m = {.names = there, .name_count = 2};
    static const struct {
        const char *names[3];
        size_t count;
        bool same;
    } rows[] = {
        {{"a.test", "b.test"}, 2, true},
        {{"b.test", "a.test"}, 2, true},
        {{"a.test"}, 1, false},
        {{"a.test", "c.test"}, 2, false},
        {{"a.test", "b.test", "c.test"}, 3, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(plan_same_names(&m, rows[i].names, rows[i].count), rows[i].same);
}

/* What there is, from a CA and for a key that the settings below ask for. */
static struct certificate_metadata sample(void)
{
    static const char *const names[] = {"a.test"};

    return (struct certificate_metadata){
        .names = names,
        .name_count = 1,
        .ca = "https://ca.test/dir",
        .device = "",
        .parts = {{"p256", NOW - DAY, NOW + 89 * DAY, "1", ""}},
        .part_count = 1,
        .asked = {.known = true, .profile = "", .csr = ""}};
}

static void decide(const char *options, const char *csr,
                   const struct certificate_metadata *there,
                   const struct renewal_state *renewal, struct plan *p)
{
    AUTO(arena) struct arena *a = arena_new();
    const struct plan_facts facts = {.csr = csr};
    struct err_info why = {0};
    struct settings s;
    struct wanted w;

    assert_int_equal(settings_defaults(a, &s, &why), ERR_OK);
    if (settings_read(a, "f", span_of(arena_printf(a, YAML, options)), &s, &why) !=
        ERR_OK)
        fail_msg("%s", why.detail);
    settings_wanted(&s, settings_certificate(&s, "a.test"), &w);
    plan_certificate(&w, there, renewal, &facts, NOW, p);
}

static void what_was_asked_for_is_compared(void **state)
{
    static const struct {
        const char *options; /* what is wanted */
        const char *csr;
        struct certificate_asked asked; /* what there is */
        const char *reason;
    } rows[] = {
        {"keys: p256", "", {true, "", 0, false, ""}, NULL},
        {"profile: x", "", {true, "", 0, false, ""}, "has another profile"},
        {"profile: x", "", {true, "y", 0, false, ""}, "has another profile"},
        {"keys: p256", "", {true, "y", 0, false, ""}, "has another profile"},
        {"profile: x", "", {true, "x", 0, false, ""}, NULL},
        {"profile: x", "", {0}, NULL}, /* not known */
        {"lifetime: 2d", "", {true, "", 0, false, ""}, "with another lifetime"},
        {"lifetime: 2d", "", {true, "", 2 * DAY, false, ""}, NULL},
        {"must_staple: true", "", {true, "", 0, false, ""}, "for without must-staple"},
        {"keys: p256", "", {true, "", 0, true, ""}, "for with must-staple"},
        {"csr: /f", "aa", {true, "", 0, false, "aa"}, NULL},
        {"csr: /f", "ab", {true, "", 0, false, "aa"}, "for another certificate request"},
        {"csr: /f", "ab", {true, "", 0, false, ""}, "for no certificate request"},
        {"csr: /f", "ab", {true, "", 0, false, NULL}, NULL},
        {"csr: /f", NULL, {true, "", 0, false, "aa"}, NULL}, /* it cannot be read */
        {"csr: /f", "ab", {0}, NULL},
        {"keys: p256", "", {true, "", 0, false, "aa"}, "for a certificate request"},
    };
    static const struct renewal_state nothing = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct certificate_metadata there = sample();
        struct plan p;
        there.asked = rows[i].asked;
        decide(rows[i].options, rows[i].csr, &there, &nothing, &p);
        assert_int_equal(p.action, rows[i].reason != NULL ? PLAN_REISSUE : PLAN_KEEP);
        if (strstr(p.reason, rows[i].reason != NULL ? rows[i].reason : "89 days") == NULL)
            fail_msg("row %zu: %s", i, p.reason);
    }
}

static void what_was_revoked_is_held(void **state)
{
    struct certificate_metadata there = sample();
    const struct renewal_state revoked = {.revoked = true};
    struct plan p;

    (void)state;
    decide("renew: auto", "", &there, &revoked, &p);
    assert_int_equal(p.action, PLAN_KEEP);
    assert_true(p.held && !p.asks && p.due == RENEWAL_WHEN_NEVER);
    assert_non_null(strstr(p.reason, "revoked; cairn renew --force a.test"));
    there.parts[0].not_after = NOW - 1;
    decide("renew: auto", "", &there, &revoked, &p);
    assert_int_equal(p.action, PLAN_KEEP);
    decide("keys: p384", "", &there, &revoked, &p);
    assert_true(p.action == PLAN_REISSUE && !p.held);
}

/* And only what was revoked is left alone. */
static void what_is_damaged_is_renewed(void **state)
{
    const struct plan_facts facts = {.csr = "", .damage = "its file x is damaged"};
    AUTO(arena) struct arena *a = arena_new();
    struct certificate_metadata there = sample();
    struct renewal_state renewal = {0};
    struct err_info why = {0};
    struct settings s;
    struct wanted w;
    struct plan p;

    (void)state;
    assert_int_equal(settings_defaults(a, &s, &why), ERR_OK);
    assert_int_equal(
        settings_read(a, "f", span_of(arena_printf(a, YAML, "renew: never")), &s, &why),
        ERR_OK);
    settings_wanted(&s, settings_certificate(&s, "a.test"), &w);
    plan_certificate(&w, &there, &renewal, &facts, NOW, &p);
    assert_true(p.action == PLAN_RENEW && p.due == NOW && p.attempt == NOW);
    assert_string_equal(p.reason, "its file x is damaged");
    renewal.revoked = true;
    plan_certificate(&w, &there, &renewal, &facts, NOW, &p);
    assert_true(p.action == PLAN_KEEP && p.held);
}

/* Only as long as the very same is wanted, and until it is due. */
static void what_was_rolled_back_to_is_held(void **state)
{
    AUTO(arena) struct arena *a = arena_new();
    static const struct plan_facts facts = {.csr = ""};
    struct certificate_metadata there = sample();
    struct err_info why = {0};
    char digest[PLAN_DIGEST_SIZE];
    struct settings s;
    struct wanted w;
    struct plan p;

    (void)state;
    assert_int_equal(settings_defaults(a, &s, &why), ERR_OK);
    assert_int_equal(
        settings_read(a, "f", span_of(arena_printf(a, YAML, "keys: p384")), &s, &why),
        ERR_OK);
    settings_wanted(&s, settings_certificate(&s, "a.test"), &w);
    plan_digest(&w, &facts, digest);
    const struct renewal_state back = {.rolled_back = digest};
    decide("keys: p384", "", &there, &back, &p);
    assert_true(p.action == PLAN_KEEP && p.held && p.due > NOW && p.asks);
    assert_string_equal(
        p.reason, "it was rolled back to; the one that is there has keys of other types");
    static const char *const others[] = {
        "keys: rsa2048", "keys: [p384, p256]", "keys: p384, profile: x",
        "keys: p384, lifetime: 1d", "keys: p384, must_staple: true"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        decide(others[i], "", &there, &back, &p);
        assert_true(p.action == PLAN_REISSUE && !p.held);
    }
    decide("keys: p384, renew: 10d", "", &there, &back, &p); /* nothing of that */
    assert_int_equal(p.action, PLAN_KEEP);
    decide("keys: p256", "", &there, &back, &p);
    assert_true(p.action == PLAN_KEEP && !p.held);
    there.parts[0].not_after = NOW + DAY / 2;
    there.parts[0].not_before = NOW - 89 * DAY;
    decide("keys: p384", "", &there, &back, &p);
    assert_true(p.action == PLAN_RENEW && !p.held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_any_order),
        cmocka_unit_test(what_was_asked_for_is_compared),
        cmocka_unit_test(what_was_revoked_is_held),
        cmocka_unit_test(what_is_damaged_is_renewed),
        cmocka_unit_test(what_was_rolled_back_to_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
