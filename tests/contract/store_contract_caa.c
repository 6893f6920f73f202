/* The store's contract: CAA, when it was looked at, and what came of that. */
#include "contract.h"

#include <string.h>

#include "server/store/store_caa.h"
#include "server/store/store_evidence.h"
#include "server/store/store_star.h"
#include "server/store/store_sweep.h"

#define DAY 86400
#define ALL 100 /* more looks than there are */

static const struct store_caa_look good[] = {
    {.name = "name0.example.test", .outcome = STORE_CAA_ALLOWED, .record = "{\"a\":1}"},
    {.name = "*.name1.example.test",
     .outcome = STORE_CAA_ALLOWED,
     .record = "{\"b\":2}"}};
static const struct store_caa_look bad[] = {
    {.name = "name0.example.test", .outcome = STORE_CAA_FORBIDDEN, .record = "{}"},
    {.name = "name1.example.test", .outcome = STORE_CAA_UNKNOWN, .record = "{}"}};

static struct store_order *add_order(struct contract *f)
{
    bool existed = false;

    return contract_add_proved_order(f, contract_add_account(f, 1, &existed)->id, 2);
}

static struct store_order *order_of(struct contract *f, int64_t id)
{
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(f->session, f->arena, id, &row, &f->why), ERR_OK);
    return row;
}

static enum err record(struct contract *f, int64_t order_id,
                       const struct store_caa_look *looks, const char *error)
{
    const struct store_caa_round round = {.order_id = order_id,
                                          .asked = CONTRACT_NOW + 1,
                                          .looks = looks,
                                          .count = 2,
                                          .allowed = looks == good,
                                          .error = error};

    return store_caa_round(f->session, &round, &f->why);
}

static size_t list(struct contract *f, int64_t order_id, int64_t before, size_t max,
                   struct store_caa_look **rows)
{
    size_t count = 0;

    assert_int_equal(store_caa_looks(f->session, f->arena, order_id, before, max, rows,
                                     &count, &f->why),
                     ERR_OK);
    return count;
}

static void begin_issuance(struct contract *f, const struct store_order *order,
                           uint8_t mark, bool finished)
{
    struct store_issuance issuance = contract_issuance_for(order, mark);

    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    if (finished)
        assert_int_equal(store_issuance_finish(f->session, issuance.id, span_of("der"),
                                               span_of("chain"), &f->why),
                         ERR_OK);
    else
        assert_int_equal(store_issuance_abandon(f->session, issuance.id, &f->why),
                         ERR_OK);
}

static void of_an_authorization(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const struct store_order *other = add_order(f);

    assert_int_equal(order->authzs[0].caa_checked, 0);
    assert_int_equal(
        store_caa_authz(f->session, order->authzs[0].id, CONTRACT_NOW, &f->why), ERR_OK);
    assert_int_equal(store_caa_authz(f->session, 999, 1, &f->why), ERR_NOT_FOUND);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(order_of(f, order->id)->authzs[0].caa_checked, CONTRACT_NOW);
    assert_int_equal(order_of(f, order->id)->caa_checked, 0);
    assert_int_equal(order_of(f, other->id)->authzs[0].caa_checked, 0);
}

static void a_good_round(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const struct store_order *other = add_order(f);
    struct store_caa_look *rows = NULL;
    struct store_caa_look *one = NULL;

    assert_int_equal(record(f, order->id, good, NULL), ERR_OK);
    assert_int_equal(record(f, other->id, bad, NULL), ERR_OK);
    assert_int_equal(record(f, order->id, good, NULL), ERR_OK);
    assert_int_equal(record(f, 999, good, NULL), ERR_NOT_FOUND);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(order_of(f, order->id)->caa_checked, CONTRACT_NOW + 1);
    assert_int_equal(order_of(f, other->id)->caa_checked, 0);
    assert_null(order_of(f, other->id)->error);
    assert_int_equal(list(f, order->id, INT64_MAX, ALL, &rows), 4);
    const int64_t rounds[] = {2, 2, 1, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rows[i].round, rounds[i]);
        assert_int_equal(rows[i].order_id, order->id);
        assert_int_equal(rows[i].asked, CONTRACT_NOW + 1);
        assert_int_equal(rows[i].outcome, STORE_CAA_ALLOWED);
        assert_string_equal(rows[i].name, good[1 - i % 2].name);
        assert_null(rows[i].record);
        assert_int_equal(
            store_caa_look_by_id(f->session, f->arena, rows[i].id, &one, &f->why),
            ERR_OK);
        assert_string_equal(one->record, good[1 - i % 2].record);
        assert_string_equal(one->name, rows[i].name);
    }
    assert_int_equal(store_caa_look_by_id(f->session, f->arena, 999, &one, &f->why),
                     ERR_NOT_FOUND);
    /* in pages */
    int64_t last = rows[3].id;
    int64_t second = rows[2].id;
    assert_int_equal(list(f, order->id, INT64_MAX, 2, &rows), 2);
    assert_int_equal(list(f, order->id, rows[1].id, 2, &rows), 2);
    assert_int_equal(rows[0].id, second);
    assert_int_equal(rows[1].id, last);
    assert_int_equal(list(f, order->id, last, 2, &rows), 0);
    assert_int_equal(list(f, other->id, INT64_MAX, ALL, &rows), 2);
    assert_int_equal(rows[0].outcome, STORE_CAA_UNKNOWN);
    assert_int_equal(rows[1].outcome, STORE_CAA_FORBIDDEN);
    assert_int_equal(rows[1].round, 1);
}

/* With its evidence, which is kept also where somebody has decided meanwhile. */
static void a_refused_round(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const struct store_order *issued = add_order(f);
    struct store_caa_look *rows = NULL;

    assert_int_equal(record(f, order->id, bad, "{\"x\":1}"), ERR_OK);
    assert_string_equal(order_of(f, order->id)->error, "{\"x\":1}");
    assert_int_equal(order_of(f, order->id)->caa_checked, 0);
    assert_int_equal(record(f, order->id, bad, "{\"x\":2}"), ERR_OK);
    assert_string_equal(order_of(f, order->id)->error, "{\"x\":1}");
    assert_int_equal(list(f, order->id, INT64_MAX, ALL, &rows), 4);
    begin_issuance(f, issued, 7, true);
    assert_int_equal(record(f, issued->id, bad, "{\"x\":3}"), ERR_OK);
    assert_null(order_of(f, issued->id)->error);
    assert_int_equal(list(f, issued->id, INT64_MAX, ALL, &rows), 2);
}

/* The last ones before each issuance: whoever may finalize may have it looked up as often
 * as he likes. */
static void rounds_are_bounded(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    struct store_caa_look *rows = NULL;
    struct store_issuance *issuances = NULL;
    size_t count = 0;

    for (int i = 0; i < STORE_CAA_ROUNDS_MAX + 5; i++)
        assert_int_equal(record(f, order->id, bad, NULL), ERR_OK);
    assert_int_equal(list(f, order->id, INT64_MAX, ALL, &rows), 2 * STORE_CAA_ROUNDS_MAX);
    assert_int_equal(rows[0].round, STORE_CAA_ROUNDS_MAX + 5);
    assert_int_equal(rows[2 * STORE_CAA_ROUNDS_MAX - 1].round, 6);
    begin_issuance(f, order, 8, false);
    for (int i = 0; i < STORE_CAA_ROUNDS_MAX + 2; i++)
        assert_int_equal(record(f, order->id, good, NULL), ERR_OK);
    assert_int_equal(list(f, order->id, INT64_MAX, ALL, &rows), 4 * STORE_CAA_ROUNDS_MAX);
    assert_int_equal(rows[4 * STORE_CAA_ROUNDS_MAX - 1].round, 6);
    begin_issuance(f, order, 9, true);
    assert_int_equal(store_evidence_issuances(f->session, f->arena, order->id, ALL,
                                              &issuances, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(issuances[0].serial[0], 9);
    assert_true(issuances[0].finished && !issuances[1].finished);
    assert_true(issuances[1].abandoned);
    assert_int_equal(store_evidence_issuances(f->session, f->arena, order->id, 1,
                                              &issuances, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 1);
}

/* Of an order that renews itself and that CAA forbids for now. */
static void a_renewal_is_put_off(void **state)
{
    struct contract *f = *state;
    bool existed = false;
    const struct store_account *owner = contract_add_account(f, 1, &existed);
    const struct store_identifier name = {0, "star.example.test"};
    struct store_authz authz = {
        .identifier = name, .created = CONTRACT_NOW, .expires = CONTRACT_NOW + 10 * DAY};
    struct store_star star = {.end = CONTRACT_NOW + 10 * DAY, .lifetime = 3600};
    struct store_order order = {.account_id = owner->id,
                                .created = CONTRACT_NOW,
                                .expires = CONTRACT_NOW + 10 * DAY,
                                .profile = "",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz,
                                .star = &star};
    const struct store_star_step step = {
        .due = CONTRACT_NOW + 50, .first = CONTRACT_NOW, .spki = span_of("key")};

    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_OK);
    assert_int_equal(store_attempt_finish(f->session, authz.id, 0, STORE_VERDICT_VALID,
                                          NULL, "[]", CONTRACT_NOW, &f->why),
                     ERR_OK);
    struct store_issuance issuance = contract_issuance_for(&order, 5);
    issuance.star = &step;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    struct store_caa_round round = {.order_id = order.id,
                                    .asked = CONTRACT_NOW + 51,
                                    .looks = bad,
                                    .count = 1,
                                    .due_seen = CONTRACT_NOW + 50,
                                    .due = CONTRACT_NOW + 90};
    assert_int_equal(store_caa_round(f->session, &round, &f->why), ERR_OK);
    assert_int_equal(order_of(f, order.id)->star->due, CONTRACT_NOW + 90);
    round.due = CONTRACT_NOW + 120; /* it is due at another time by now */
    assert_int_equal(store_caa_round(f->session, &round, &f->why), ERR_OK);
    assert_int_equal(order_of(f, order.id)->star->due, CONTRACT_NOW + 90);
}

static void they_go_with_their_order(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const struct store_order *kept = add_order(f); /* the newest stays */
    const struct store_sweep_limits limits = {
        .order_retention = DAY, .authz_retention = DAY, .rows = 100};
    struct store_sweep sweep = {.clock = order->expires + DAY};
    struct store_sweep_result done = {0};
    struct store_caa_look *rows = NULL;

    assert_int_equal(record(f, order->id, good, NULL), ERR_OK);
    assert_int_equal(record(f, kept->id, good, NULL), ERR_OK);
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &done, &f->why),
                     ERR_OK);
    assert_int_equal(done.orders, 0);
    assert_int_equal(list(f, order->id, INT64_MAX, ALL, &rows), 2);
    sweep = (struct store_sweep){.clock = order->expires + 400 * DAY};
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &done, &f->why),
                     ERR_OK);
    assert_int_equal(done.orders, 1);
    assert_int_equal(list(f, order->id, INT64_MAX, ALL, &rows), 0);
    assert_int_equal(list(f, kept->id, INT64_MAX, ALL, &rows), 2);
}

int contract_caa(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(of_an_authorization),  CONTRACT_TEST(a_good_round),
        CONTRACT_TEST(a_refused_round),      CONTRACT_TEST(rounds_are_bounded),
        CONTRACT_TEST(a_renewal_is_put_off), CONTRACT_TEST(they_go_with_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
