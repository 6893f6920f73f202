/* Tests of server/order/order_place: margins, what is prepared, which orders are equal.
 */
#include "../store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "server/order/order_place.h"
#include "server/store/store_reuse.h"

#define MINUTE INT64_C(60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NOW    INT64_C(1800000000)

static int set_up(void **state)
{
    *state = store_fixture_new();
    return 0;
}

static int tear_down(void **state)
{
    store_fixture_free(*state);
    return 0;
}

static void what_may_serve(void **state)
{
    static const struct {
        int64_t order; /* lifetimes in seconds */
        int64_t proof;
        int64_t margin;
    } rows[] = {
        {7 * DAY, 7 * DAY, 21 * HOUR},
        {7 * DAY, 30 * DAY, 21 * HOUR},
        {90 * DAY, 90 * DAY, DAY},
        {8 * DAY, 8 * DAY, DAY},
        {7 * DAY, 8 * HOUR, HOUR},
        {8 * MINUTE, 7 * DAY, MINUTE},
        {7 * DAY, 1, 0},
        {7 * DAY, 0, 21 * HOUR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings settings = {.order_lifetime = rows[i].order * 1000,
                                          .authorization_lifetime = rows[i].proof * 1000,
                                          .authorization_subdomains = i % 2 == 1};
        const struct store_reuse reuse = order_place_reuse(&settings, 5, NOW);
        assert_int_equal(reuse.outlives, NOW + rows[i].margin);
        assert_int_equal(reuse.proved_first, NOW - rows[i].proof + rows[i].margin);
        assert_int_equal(reuse.lasts, rows[i].proof);
        assert_int_equal(reuse.proved_last, NOW);
        assert_int_equal(reuse.subdomains, i % 2 == 1);
        assert_int_equal(reuse.types, 5);
        /* S-DNSP-10, and what is about one key */
        assert_int_equal(order_place_reuse(&settings, ~0U, NOW).types,
                         ~(1U << CHALLENGE_DNS_PERSIST_01) &
                             ~(1U << CHALLENGE_DEVICE_ATTEST_01));
    }
}

static void authorizations_without_orders(void **state)
{
    struct settings settings = {.authorization_lifetime = 1,
                                .max_pending_authorizations = 1};

    (void)state;
    assert_true(order_place_has_authz(&settings));
    settings.authorization_lifetime = 0;
    assert_false(order_place_has_authz(&settings));
    settings.authorization_lifetime = 1;
    settings.max_pending_authorizations = 0;
    assert_false(order_place_has_authz(&settings));
}

static const struct settings settings = {.order_lifetime = 8 * HOUR * 1000,
                                         .authorization_lifetime = 2 * DAY * 1000,
                                         .max_pending_authorizations = 1,
                                         .order_reuse = true};

static void an_order_is_prepared(void **state)
{
    static const struct identifier names[] = {{IDENTIFIER_DNS, "a.test"},
                                              {IDENTIFIER_DNS, "*.b.test"},
                                              {IDENTIFIER_DNS, "c.d.test"}};
    static const char *const above[] = {NULL, NULL, "d.test"};
    static const struct {
        const char *value;
        bool wildcard;
        bool subdomains;
    } wanted[] = {
        {"a.test", false, false}, {"b.test", true, false}, {"d.test", true, true}};
    const struct order_place_wish wish = {names, 3, above, ~0U, 1U << CHALLENGE_DNS_01,
                                          false};
    struct store_fixture *f = *state;
    struct store_order order = {.created = NOW, .not_after = NOW + HOUR};

    order_place_prepare(f->arena, &settings, &wish, &order);
    assert_int_equal(order.expires, NOW + HOUR); /* with its certificate */
    assert_int_equal(order.identifier_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct store_authz *authz = &order.authzs[i];
        assert_string_equal(order.identifiers[i].value, names[i].value);
        assert_string_equal(authz->identifier.value, wanted[i].value);
        assert_int_equal(authz->wildcard, wanted[i].wildcard);
        assert_int_equal(authz->subdomains, wanted[i].subdomains);
        assert_int_equal(authz->challenges, 1U << CHALLENGE_DNS_01);
        assert_int_equal(authz->created, NOW);
        assert_int_equal(authz->expires, NOW + 8 * HOUR);
        assert_int_equal(authz->lifetime, 2 * DAY);
        if (i > 0)
            assert_memory_not_equal(authz->seed, order.authzs[i - 1].seed,
                                    STORE_SEED_SIZE);
    }
    order.not_after = NOW + DAY;
    order_place_prepare(f->arena, &settings, &wish, &order);
    assert_int_equal(order.expires, NOW + 8 * HOUR);
}

struct ordered {
    int64_t account;
    const char *names[3];
    const char *above; /* of the first */
    int64_t not_before;
    int64_t not_after;
    const char *profile;
    bool alone;
};

static int64_t place(struct store_fixture *f, const struct settings *how,
                     const struct ordered *what)
{
    struct identifier names[3];
    const char *above[3] = {what->above, NULL, NULL};
    struct order_place_wish wish = {names, 0, above, ~0U, 0, what->alone};
    struct store_order *order = arena_get(f->arena, sizeof *order);

    while (wish.count < 3 && what->names[wish.count] != NULL) {
        names[wish.count] = (struct identifier){IDENTIFIER_DNS, what->names[wish.count]};
        wish.count++;
    }
    order->account_id = what->account;
    order->created = clock_now();
    order->not_before = what->not_before;
    order->not_after = what->not_after;
    order->profile = what->profile;
    order_place_prepare(f->arena, how, &wish, order);
    assert_int_equal(order_place(f->session, f->arena, how, &wish, &order, &f->why),
                     ERR_OK);
    assert_int_equal(store_fixture_settle(f), ERR_OK);
    return order->id;
}

/* One difference each; all are other orders than the first. */
static void which_orders_are_equal(void **state)
{
    struct store_fixture *f = *state;
    int64_t account = store_fixture_account(f, 1, "{}")->id;
    int64_t other = store_fixture_account(f, 2, "{}")->id;
    int64_t later = clock_now() + 7 * HOUR;
    const struct ordered first = {account, {"a.test", "b.test"}, NULL, 0, 0, "", false};
    const struct ordered turned = {account, {"b.test", "a.test"}, NULL, 0, 0, "", false};
    const struct ordered different[] = {
        {other, {"a.test", "b.test"}, NULL, 0, 0, "", false},
        {account, {"a.test"}, NULL, 0, 0, "", false},
        {account, {"a.test", "b.test", "c.test"}, NULL, 0, 0, "", false},
        {account, {"*.a.test", "b.test"}, NULL, 0, 0, "", false},
        {account, {"a.test", "b.test"}, "test", 0, 0, "", false},
        {account, {"a.test", "b.test"}, NULL, later, 0, "", false},
        {account, {"a.test", "b.test"}, NULL, 0, later, "", false},
        {account, {"a.test", "b.test"}, NULL, 0, 0, "p", false},
        {account, {"a.test", "b.test"}, NULL, 0, 0, "", true},
    };
    struct settings without = settings;
    int64_t id = place(f, &settings, &first);

    assert_int_equal(place(f, &settings, &first), id);
    assert_int_equal(place(f, &settings, &turned), id);
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        if (place(f, &settings, &different[i]) == id)
            fail_msg("row %zu", i);
    }
    assert_int_equal(place(f, &settings, &first), id);
    without.order_reuse = false;
    int64_t fresh = place(f, &without, &first);
    assert_true(fresh > id);
    assert_int_equal(place(f, &settings, &first), id);
    /* what failed is not given again */
    assert_int_equal(store_order_fail(f->session, id, "{}", &f->why), ERR_OK);
    assert_true(place(f, &settings, &first) > fresh);
}

static void too_many_pending(void **state)
{
    static const struct identifier names[] = {{IDENTIFIER_DNS, "a.test"},
                                              {IDENTIFIER_DNS, "b.test"}};
    struct store_fixture *f = *state;
    int64_t account = store_fixture_account(f, 1, "{}")->id;
    const struct order_place_request one = {account, names[0], false, ~0U};
    const struct order_place_request two = {account, names[1], false, ~0U};
    struct store_authz *authz = NULL;
    bool existed = true;

    assert_int_equal(order_place_authz(f->session, f->arena, &settings, &one, &authz,
                                       &existed, &f->why),
                     ERR_OK);
    assert_false(existed);
    assert_int_equal(order_place_authz(f->session, f->arena, &settings, &two, &authz,
                                       &existed, &f->why),
                     ERR_RATE_LIMITED);
    assert_true(f->why.retry_after_seconds > 0);
    assert_non_null(strstr(f->why.detail, " 1 "));
    assert_int_equal(store_fixture_settle(f), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_may_serve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(authorizations_without_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_is_prepared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(which_orders_are_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_pending, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
