/* The store's contract: housekeeping. */
#include "contract.h"

#include "server/store/store_renewal.h"
#include "server/store/store_sweep.h"

#define DAY   86400
#define LATER (CONTRACT_NOW + 400 * DAY)

static const struct store_sweep_limits limits = {
    .order_retention = 90 * DAY, .authz_retention = 30 * DAY, .rows = 2};

static int64_t account(struct contract *f)
{
    bool existed;

    return contract_add_account(f, 1, &existed)->id;
}

/* The newest row of a table stays: one that is young, so that nothing else depends on
 * it. */
static void add_young(struct contract *f, int64_t owner, int64_t created)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier name = {0, "young.example.test"};

    *order = (struct store_order){.account_id = owner,
                                  .created = created,
                                  .expires = created + 1000,
                                  .profile = "",
                                  .identifiers = &name,
                                  .identifier_count = 1};
    order->authzs = arena_get(f->arena, sizeof *order->authzs);
    order->authzs[0] = (struct store_authz){
        .identifier = name, .created = created, .expires = created + 1000};
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    contract_settle(f);
}

static struct store_sweep_result whole_round(struct contract *f,
                                             struct store_sweep *sweep)
{
    struct store_sweep_result sum = {0};
    struct store_sweep_result one = {0};

    for (int steps = 0; !sum.round_over; steps++) {
        assert_true(steps < 1000);
        store_session_begin(f->session);
        assert_int_equal(store_sweep_step(f->session, sweep, &limits, &one, &f->why),
                         ERR_OK);
        contract_settle(f);
        assert_true(one.orders <= limits.rows && one.authzs <= limits.rows);
        sum.orders += one.orders;
        sum.authzs += one.authzs;
        sum.round_over = one.round_over;
    }
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
    return sum;
}

static enum err find_order(struct contract *f, int64_t id)
{
    struct store_order *row = NULL;

    return store_order_by_id(f->session, f->arena, id, &row, &f->why);
}

static enum err find_authz(struct contract *f, int64_t id)
{
    struct store_authz *row = NULL;

    return store_authz_by_id(f->session, f->arena, id, &row, &f->why);
}

static void what_is_over_goes(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_sweep sweep = {.clock = LATER};
    int64_t orders[7];
    int64_t authzs[7];

    for (size_t i = 0; i < 7; i++) {
        struct store_order *order = contract_add_order(f, owner, 1);
        orders[i] = order->id;
        authzs[i] = order->authzs[0].id;
    }
    add_young(f, owner, LATER - DAY);
    struct store_sweep_result done = whole_round(f, &sweep);
    assert_int_equal(done.orders, 7);
    assert_int_equal(done.authzs, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(find_order(f, orders[i]), ERR_NOT_FOUND);
        assert_int_equal(find_authz(f, authzs[i]), ERR_NOT_FOUND);
    }
    assert_int_equal(find_order(f, orders[6] + 1), ERR_OK);
    assert_int_equal(sweep.orders, 0); /* the next round begins anew */
    done = whole_round(f, &sweep);
    assert_int_equal(done.orders + done.authzs, 0);
}

/* The second of the end and of the retention count as alive. */
static void retention_is_kept_to_the_second(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = contract_add_order(f, owner, 2);
    struct store_order *shown = NULL;
    struct store_sweep sweep = {.clock = order->expires + limits.authz_retention};

    add_young(f, owner, LATER);
    assert_int_equal(whole_round(f, &sweep).authzs, 0);
    sweep.clock++;
    assert_int_equal(whole_round(f, &sweep).authzs, 2);
    /* the order is there, its authorizations are expired for ever */
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &shown, &f->why),
                     ERR_OK);
    assert_int_equal(shown->authz_count, 2);
    assert_int_equal(shown->authzs[1].id, order->authzs[1].id);
    assert_int_equal(shown->authzs[1].expires, 0);
    assert_string_equal(shown->identifiers[1].value, "name1.example.test");
    struct store_issuance issuance = contract_issuance_for(order, 1);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_CONFLICT);
    sweep.clock = order->expires + limits.order_retention;
    assert_int_equal(whole_round(f, &sweep).orders, 0);
    sweep.clock++;
    assert_int_equal(whole_round(f, &sweep).orders, 1);
}

/* Certificates and what shows that they were issued stay for good, and their orders as
 * long as somebody could ask why. */
static void certificates_keep_their_orders(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    int64_t end = CONTRACT_NOW + 300 * DAY;
    struct store_issuance made[3];
    struct store_sweep sweep = {.clock = end + limits.order_retention};
    struct store_issuance *row = NULL;
    struct store_revocation revocation = {.at = CONTRACT_NOW, .reason = 1};
    bool blocked = false;

    for (uint8_t i = 0; i < 3; i++) {
        made[i] = contract_issuance_for(contract_add_proved_order(f, owner, 1), i);
        made[i].not_after = end;
        assert_int_equal(store_issuance_begin(f->session, &made[i], &f->why), ERR_OK);
    }
    assert_int_equal(store_issuance_finish(f->session, made[0].id, span_of("certificate"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_abandon(f->session, made[1].id, &f->why), ERR_OK);
    assert_int_equal(store_revoke(f->session, &made[0], &revocation, true, NULL, &f->why),
                     ERR_OK);
    add_young(f, owner, sweep.clock - DAY);
    assert_int_equal(whole_round(f, &sweep).orders, 0);
    sweep.clock++;
    assert_int_equal(whole_round(f, &sweep).orders, 2); /* one is still to be signed */
    assert_int_equal(find_order(f, made[2].order_id), ERR_OK);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, made[0].id, &row, &f->why), ERR_OK);
    assert_true(span_is(row->certificate, "certificate"));
    assert_int_equal(
        store_certificate_by_serial(f->session, f->arena,
                                    span_make(made[0].serial, made[0].serial_len), &row,
                                    &revocation, &f->why),
        ERR_OK);
    assert_int_equal(revocation.at, CONTRACT_NOW);
    assert_int_equal(
        store_key_is_blocked(f->session, made[0].key_hash, &blocked, &f->why), ERR_OK);
    assert_true(blocked);
    /* the serial of what was given up is not free either */
    struct store_issuance again =
        contract_issuance_for(contract_add_proved_order(f, owner, 1), 1);
    again.key_hash[0] ^= 1; /* for a key that is not blocked */
    assert_int_equal(store_issuance_begin(f->session, &again, &f->why), ERR_CONFLICT);
}

static void checks_under_way_stay(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = contract_add_order(f, owner, 2);
    struct store_sweep sweep = {.clock = LATER};

    assert_int_equal(
        store_attempt_begin(f->session, order->authzs[0].id, 0, CONTRACT_NOW, &f->why),
        ERR_OK);
    add_young(f, owner, LATER - DAY);
    assert_int_equal(whole_round(f, &sweep).authzs, 1);
    assert_int_equal(store_attempt_finish(f->session, order->authzs[0].id, 0,
                                          STORE_VERDICT_INVALID, "{}", NULL, LATER,
                                          &f->why),
                     ERR_OK);
    assert_int_equal(whole_round(f, &sweep).authzs, 1);
}

/* No verdict is recorded for them any more, so that they would never be over. */
static void deactivated_checks_go(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = contract_add_order(f, owner, 1);
    struct store_sweep sweep = {.clock = LATER};

    assert_int_equal(
        store_attempt_begin(f->session, order->authzs[0].id, 0, CONTRACT_NOW, &f->why),
        ERR_OK);
    assert_int_equal(
        store_authz_deactivate(f->session, order->authzs[0].id, CONTRACT_NOW, &f->why),
        ERR_OK);
    add_young(f, owner, LATER - DAY);
    assert_int_equal(whole_round(f, &sweep).authzs, 1);
    assert_int_equal(find_authz(f, order->authzs[0].id), ERR_NOT_FOUND);
}

/* A number that was given once is never given again: a certificate names its order. */
static void numbers_are_not_given_twice(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = contract_add_order(f, owner, 1);
    struct store_sweep sweep = {.clock = LATER + 10000LL * DAY};

    assert_int_equal(whole_round(f, &sweep).orders, 0);
    assert_int_equal(find_order(f, order->id), ERR_OK);
    assert_int_equal(find_authz(f, order->authzs[0].id), ERR_OK);
    struct store_order *next = contract_add_order(f, owner, 1);
    assert_true(next->id > order->id && next->authzs[0].id > order->authzs[0].id);
    assert_int_equal(whole_round(f, &sweep).orders, 1);
    contract_restart(f);
    assert_true(contract_add_order(f, owner, 1)->id > next->id);
}

/* The rows of a day under a wrong clock do not hide those behind them. */
static void rows_from_the_future_are_passed_over(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_sweep sweep = {.clock = LATER};

    for (int i = 0; i < 5; i++)
        add_young(f, owner, LATER + 4000LL * DAY);
    struct store_order *old = contract_add_order(f, owner, 1);
    add_young(f, owner, LATER);
    assert_int_equal(whole_round(f, &sweep).orders, 1);
    assert_int_equal(find_order(f, old->id), ERR_NOT_FOUND);
}

static void a_restart_goes_on(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_sweep sweep = {0};
    struct store_sweep_result one = {0};

    assert_int_equal(store_sweep_load(f->session, &sweep, &f->why), ERR_OK);
    assert_int_equal(sweep.clock, 0); /* nothing is there */
    for (int i = 0; i < 6; i++)
        (void)contract_add_order(f, owner, 1);
    add_young(f, owner, LATER - DAY);
    assert_int_equal(store_sweep_load(f->session, &sweep, &f->why), ERR_OK);
    assert_int_equal(sweep.clock, LATER - DAY); /* the newest order's time */
    sweep.clock = LATER;
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &one, &f->why),
                     ERR_OK);
    assert_int_equal(one.orders, 2);
    contract_settle(f);
    contract_restart(f);
    struct store_sweep again = {0};
    assert_int_equal(store_sweep_load(f->session, &again, &f->why), ERR_OK);
    assert_true(again.clock == sweep.clock && again.orders == sweep.orders &&
                again.authzs == sweep.authzs);
    assert_false(again.listed.over); /* these are looked at anew */
    assert_true(again.orders > 0 && again.authzs > 0);
    assert_int_equal(whole_round(f, &again).orders, 4);
}

/* Never ahead of the wall clock, back at once, forward no faster than it should. */
static void the_clock_is_careful(void **state)
{
    struct store_sweep sweep = {.clock = 1000};

    (void)state;
    store_sweep_tick(&sweep, 10, 1010);
    assert_int_equal(sweep.clock, 1010);
    store_sweep_tick(&sweep, 10, LATER); /* a jump */
    assert_int_equal(sweep.clock, 1010 + 10 * STORE_SWEEP_HASTE);
    store_sweep_tick(&sweep, 0, LATER);
    assert_int_equal(sweep.clock, 1010 + 10 * STORE_SWEEP_HASTE);
    store_sweep_tick(&sweep, 3600, 500); /* and back */
    assert_int_equal(sweep.clock, 500);
}

static bool has_order_over(const struct store_order *order, int64_t now)
{
    (void)order;
    (void)now;
    return false;
}

static struct store_issuance issued(struct contract *f, struct store_order *order,
                                    uint8_t mark)
{
    struct store_issuance issuance = contract_issuance_for(order, mark);

    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, issuance.id, span_of("der"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    contract_settle(f);
    return issuance;
}

static bool is_replaced(struct contract *f, const struct store_issuance *issuance)
{
    struct store_renewal *row = NULL;

    assert_int_equal(
        store_renewal_by_serial(f->session, f->arena,
                                span_make(issuance->serial, issuance->serial_len), &row,
                                &f->why),
        ERR_OK);
    return row->replaced;
}

/* With an order goes what it replaced; of an order that stays, it stays. */
static void replacements_go_with_their_orders(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    const struct store_reuse reuse = {
        .proved_last = CONTRACT_NOW, .outlives = CONTRACT_NOW, .types = ~0U};
    struct store_order *old = contract_add_proved_order(f, owner, 1);
    struct store_issuance first = issued(f, old, 1);
    struct store_replacing replacing = {first.id, has_order_over, CONTRACT_NOW};
    struct store_order order = *old;
    struct store_sweep sweep = {.clock = CONTRACT_NOW};

    order.authzs = arena_get(f->arena, sizeof *order.authzs);
    order.replaces = "AQ.BA";
    assert_int_equal(store_order_add_replacing(f->session, f->arena, &order, &reuse,
                                               &replacing, &f->why),
                     ERR_OK);
    (void)issued(f, &order, 2);
    add_young(f, owner, LATER - DAY);
    (void)whole_round(f, &sweep);
    assert_true(is_replaced(f, &first));
    sweep = (struct store_sweep){.clock = LATER};
    (void)whole_round(f, &sweep);
    assert_int_equal(find_order(f, order.id), ERR_NOT_FOUND);
    assert_false(is_replaced(f, &first));
}

int contract_sweep(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(what_is_over_goes),
        CONTRACT_TEST(retention_is_kept_to_the_second),
        CONTRACT_TEST(certificates_keep_their_orders),
        CONTRACT_TEST(checks_under_way_stay),
        CONTRACT_TEST(deactivated_checks_go),
        CONTRACT_TEST(numbers_are_not_given_twice),
        CONTRACT_TEST(rows_from_the_future_are_passed_over),
        CONTRACT_TEST(replacements_go_with_their_orders),
        CONTRACT_TEST(a_restart_goes_on),
        CONTRACT_TEST(the_clock_is_careful),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
