/* The store's contract: orders that renew themselves (RFC 8739). */
#include "contract.h"

#include <pthread.h>
#include <string.h>

#include "server/store/store_star.h"
#include "server/store/store_sweep.h"

#define LIFETIME 160
#define FIRST    (CONTRACT_NOW + 10)
#define DUE      (CONTRACT_NOW + 50)
#define END      (CONTRACT_NOW + 100000)
#define RACERS   8

static int64_t account(struct contract *f)
{
    bool existed;

    return contract_add_account(f, 1, &existed)->id;
}

static struct store_order *add_star(struct contract *f, int64_t owner)
{
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier *name = arena_get(f->arena, sizeof *name);

    name->value = "star.example.test";
    *order = (struct store_order){.account_id = owner,
                                  .created = CONTRACT_NOW,
                                  .expires = CONTRACT_NOW + 1000,
                                  .profile = "",
                                  .identifiers = name,
                                  .identifier_count = 1};
    order->authzs = arena_get(f->arena, sizeof *order->authzs);
    order->authzs[0] =
        (struct store_authz){.identifier = *name, .expires = CONTRACT_NOW + 1000};
    order->star = arena_get(f->arena, sizeof *order->star);
    *order->star = (struct store_star){.start = CONTRACT_NOW + 5,
                                       .end = END,
                                       .lifetime = LIFETIME,
                                       .adjust = 17,
                                       .allow_get = true};
    memset(order->star->token, 0x5a, sizeof order->star->token);
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    contract_settle(f);
    return order;
}

static void prove(struct contract *f, const struct store_order *order)
{
    assert_int_equal(store_attempt_finish(f->session, order->authzs[0].id, 0,
                                          STORE_VERDICT_VALID, NULL, "[]", CONTRACT_NOW,
                                          &f->why),
                     ERR_OK);
}

static struct store_order *look(struct contract *f, int64_t id)
{
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(f->session, f->arena, id, &row, &f->why), ERR_OK);
    assert_non_null(row->star);
    return row;
}

/* Begin an issuance; its number, or 0 and `code`. */
static int64_t begin(struct contract *f, const struct store_order *order, uint8_t mark,
                     const struct store_star_step *step, enum err code)
{
    struct store_issuance issuance = contract_issuance_for(order, mark);

    memset(issuance.key_hash, 7, STORE_HASH_SIZE);
    issuance.star = step;
    issuance.not_after = CONTRACT_NOW + 1000 * mark;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), code);
    contract_settle(f);
    return issuance.id;
}

static void finish(struct contract *f, int64_t id)
{
    assert_int_equal(store_issuance_finish(f->session, id, span_of("certificate"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    contract_settle(f);
}

static const struct store_star_step first_step = {
    .due = DUE, .first = FIRST, .spki = {(const uint8_t *)"spki", 4}};

/* An order with its first certificate. */
static struct store_order *running(struct contract *f, int64_t owner, uint8_t mark)
{
    struct store_order *order = add_star(f, owner);

    prove(f, order);
    finish(f, begin(f, order, mark, &first_step, ERR_OK));
    return order;
}

static size_t due(struct contract *f, int64_t now, int64_t ids[4])
{
    size_t count = 9;

    assert_int_equal(store_star_due(f->session, now, 4, ids, &count, &f->why), ERR_OK);
    return count;
}

static void facts_come_back(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = add_star(f, owner);
    int64_t ids[4];

    contract_restart(f);
    struct store_star *star = look(f, order->id)->star;
    assert_int_equal(star->start, CONTRACT_NOW + 5);
    assert_int_equal(star->end, END);
    assert_int_equal(star->lifetime, LIFETIME);
    assert_int_equal(star->adjust, 17);
    assert_true(star->allow_get);
    assert_memory_equal(star->token, order->star->token, STORE_STAR_TOKEN_SIZE);
    assert_true(star->first == 0 && star->due == 0 && star->canceled == 0);
    assert_int_equal(star->spki.len, 0);
    assert_int_equal(due(f, END, ids), 0);
    struct store_order *plain = NULL;
    assert_int_equal(store_order_by_id(f->session, f->arena,
                                       contract_add_order(f, owner, 1)->id, &plain,
                                       &f->why),
                     ERR_OK);
    assert_null(plain->star);
}

static void first_is_like_any_other(void **state)
{
    struct contract *f = *state;
    struct store_order *order = add_star(f, account(f));
    int64_t ids[4];

    (void)begin(f, order, 1, &first_step, ERR_CONFLICT); /* not proved */
    assert_int_equal(look(f, order->id)->star->first, 0);
    prove(f, order);
    int64_t id = begin(f, order, 1, &first_step, ERR_OK);
    (void)begin(f, order, 2, &first_step, ERR_CONFLICT); /* there is one */
    struct store_order *row = look(f, order->id);
    assert_int_equal(row->star->first, FIRST);
    assert_int_equal(row->star->due, DUE);
    assert_true(span_is(row->star->spki, "spki"));
    assert_int_equal(row->expires, END);
    assert_false(row->issuance->finished);
    assert_int_equal(due(f, DUE - 1, ids), 0);
    assert_int_equal(due(f, DUE, ids), 1);
    assert_int_equal(ids[0], order->id);
    /* nothing is renewed that is not there */
    const struct store_star_step renewal = {.seen = DUE, .due = DUE + LIFETIME};
    (void)begin(f, order, 3, &renewal, ERR_CONFLICT);
    finish(f, id);
    (void)begin(f, order, 3, &renewal, ERR_OK);
}

static void renewals_follow_each_other(void **state)
{
    struct contract *f = *state;
    struct store_order *order = running(f, account(f), 1);
    struct store_issuance *row = NULL;
    struct store_star_step step = {.seen = DUE, .due = DUE + LIFETIME};

    int64_t second = begin(f, order, 2, &step, ERR_OK);
    /* what is being made is not what is shown */
    assert_true(look(f, order->id)->issuance->finished);
    assert_int_equal(look(f, order->id)->issuance->not_after, CONTRACT_NOW + 1000);
    assert_int_equal(look(f, order->id)->star->due, DUE + LIFETIME);
    (void)begin(f, order, 3, &step, ERR_CONFLICT); /* it was due, and is not any more */
    step.seen = DUE + LIFETIME;
    step.due = 0;
    (void)begin(f, order, 3, &step, ERR_CONFLICT); /* the one before is being made */
    contract_restart(f);
    finish(f, second);
    assert_int_equal(
        store_star_certificate(f->session, f->arena, order->id, &row, &f->why), ERR_OK);
    assert_int_equal(row->id, second);
    assert_true(span_is(row->certificate, "certificate"));
    (void)begin(f, order, 2, &step, ERR_CONFLICT); /* the serial was used */
    finish(f, begin(f, order, 3, &step, ERR_OK));
    assert_int_equal(look(f, order->id)->star->due, 0); /* the last */
    assert_int_equal(store_order_fail(f->session, order->id, "{}", &f->why),
                     ERR_CONFLICT);
}

/* What cannot be signed is tried again, with the next serial. */
static void given_up_and_tried_again(void **state)
{
    struct contract *f = *state;
    struct store_order *order = running(f, account(f), 1);
    const struct store_star_step last = {.seen = DUE, .due = 0};

    int64_t id = begin(f, order, 2, &last, ERR_OK);
    assert_int_equal(store_issuance_abandon(f->session, id, &f->why), ERR_OK);
    contract_settle(f);
    struct store_order *row = look(f, order->id);
    assert_int_equal(row->star->due, CONTRACT_NOW + LIFETIME / 16);
    assert_true(row->issuance->finished);
    const struct store_star_step again = {.seen = CONTRACT_NOW + LIFETIME / 16};
    finish(f, begin(f, order, 3, &again, ERR_OK));
    assert_int_equal(look(f, order->id)->issuance->not_after, CONTRACT_NOW + 3000);
}

/* The signer refuses: that ends an order only before it has a certificate. */
static void refused_and_tried_again(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = running(f, owner, 1);
    struct store_order *never = add_star(f, owner);
    const struct store_star_step step = {.seen = DUE, .due = DUE + LIFETIME};
    int64_t ids[4];

    int64_t id = begin(f, order, 2, &step, ERR_OK);
    assert_int_equal(store_issuance_refuse(f->session, id, "{}", &f->why), ERR_OK);
    assert_int_equal(store_issuance_refuse(f->session, id, "{}", &f->why), ERR_CONFLICT);
    prove(f, never);
    id = begin(f, never, 3, &first_step, ERR_OK);
    assert_int_equal(store_issuance_refuse(f->session, id, "{\"no\":1}", &f->why),
                     ERR_OK);
    contract_settle(f);
    contract_restart(f);
    struct store_order *row = look(f, order->id);
    assert_null(row->error);
    assert_true(row->issuance->finished);
    assert_int_equal(row->star->due, CONTRACT_NOW + LIFETIME / 16);
    row = look(f, never->id);
    assert_string_equal(row->error, "{\"no\":1}");
    assert_null(row->issuance);
    assert_int_equal(row->star->due, 0);
    assert_int_equal(due(f, END, ids), 1); /* the other */
    const struct store_star_step again = {.seen = CONTRACT_NOW + LIFETIME / 16};
    finish(f, begin(f, order, 4, &again, ERR_OK));
}

/* RFC 8555 11.1, also for a key that became an account's after the first certificate. */
static void key_of_an_account(void **state)
{
    struct contract *f = *state;
    struct store_order *order = running(f, account(f), 1);
    const struct store_star_step step = {.seen = DUE, .due = DUE + LIFETIME};
    struct store_issuance issuance = contract_issuance_for(order, 2);
    bool existed;

    memcpy(issuance.key_thumbprint, contract_add_account(f, 9, &existed)->thumbprint,
           STORE_THUMBPRINT_SIZE);
    issuance.star = &step;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_BAD_CSR);
    assert_int_equal(look(f, order->id)->star->due, DUE);
}

/* An order ends with its last second; its authorizations may end before. */
static void ends_with_the_order(void **state)
{
    struct contract *f = *state;
    struct store_order *order = running(f, account(f), 1);
    const struct store_star_step step = {.seen = DUE, .due = DUE};
    struct store_issuance issuance = contract_issuance_for(order, 2);

    issuance.star = &step;
    issuance.begun = END;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_CONFLICT);
    issuance.begun = END - 1;
    assert_true(issuance.begun > order->authzs[0].expires);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
}

static void due_in_their_order(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *orders[6];
    int64_t ids[4];

    for (uint8_t i = 0; i < 6; i++) {
        orders[i] = running(f, owner, (uint8_t)(i + 1));
        assert_int_equal(
            store_star_postpone(f->session, orders[i]->id, DUE, DUE + 10 - i, &f->why),
            ERR_OK);
    }
    assert_int_equal(
        store_star_postpone(f->session, orders[0]->id, DUE, DUE + 99, &f->why),
        ERR_CONFLICT);
    assert_int_equal(due(f, DUE + 6, ids), 2);
    assert_int_equal(ids[0], orders[5]->id);
    assert_int_equal(ids[1], orders[4]->id);
    assert_int_equal(due(f, END, ids), 4); /* as many as there is room for */
    assert_int_equal(store_star_clock_back(f->session, DUE + 10 - 2 * LIFETIME, &f->why),
                     ERR_OK);
    assert_int_equal(look(f, orders[0]->id)->star->due, DUE + 10);
    assert_int_equal(
        store_star_clock_back(f->session, DUE + 10 - 2 * LIFETIME - 1, &f->why), ERR_OK);
    assert_int_equal(look(f, orders[0]->id)->star->due, DUE + 10 - 2 * LIFETIME - 1);
    assert_int_equal(look(f, orders[1]->id)->star->due, DUE + 9);
}

static void nothing_for_who_gave_up(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *authz = running(f, owner, 1);
    struct store_order *key = running(f, owner, 2);
    struct store_order *gone = running(f, owner, 6);
    const struct store_star_step step = {.seen = DUE, .due = DUE + LIFETIME};
    struct store_revocation now = {.at = CONTRACT_NOW, .reason = 1};
    struct store_issuance other =
        contract_issuance_for(contract_add_proved_order(f, owner, 1), 3);

    assert_int_equal(
        store_authz_deactivate(f->session, authz->authzs[0].id, CONTRACT_NOW, &f->why),
        ERR_OK);
    (void)begin(f, authz, 4, &step, ERR_UNAUTHORIZED);
    finish(f, begin(f, key, 4, &step, ERR_OK));
    memset(other.key_hash, 7, STORE_HASH_SIZE);
    assert_int_equal(store_issuance_begin(f->session, &other, &f->why), ERR_OK);
    finish(f, other.id);
    assert_int_equal(store_revoke(f->session, &other, &now, true, NULL, &f->why), ERR_OK);
    const struct store_star_step next = {.seen = DUE + LIFETIME};
    (void)begin(f, key, 5, &next, ERR_BAD_CSR);
    contract_deactivate_account(f, owner);
    (void)begin(f, gone, 7, &step, ERR_UNAUTHORIZED);
    assert_int_equal(look(f, gone->id)->star->due, DUE); /* nothing was changed */
    assert_int_equal(store_star_cancel(f->session, gone->id, CONTRACT_NOW,
                                       "{\"type\":\"x\"}", &f->why),
                     ERR_OK);
    assert_string_equal(look(f, gone->id)->error, "{\"type\":\"x\"}");
}

static void canceled_is_the_end(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = add_star(f, owner);
    const struct store_star_step step = {.seen = DUE, .due = DUE + LIFETIME};
    int64_t ids[4];

    assert_int_equal(store_star_cancel(f->session, 987654, 1, NULL, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_star_cancel(f->session, order->id, 1, NULL, &f->why),
                     ERR_CONFLICT); /* no certificate yet */
    prove(f, order);
    int64_t first = begin(f, order, 1, &first_step, ERR_OK);
    assert_int_equal(store_star_cancel(f->session, order->id, 1, NULL, &f->why),
                     ERR_CONFLICT);
    finish(f, first);
    int64_t second = begin(f, order, 2, &step, ERR_OK);
    assert_int_equal(
        store_star_cancel(f->session, order->id, CONTRACT_NOW + 3, NULL, &f->why),
        ERR_OK);
    assert_int_equal(
        store_star_cancel(f->session, order->id, CONTRACT_NOW + 4, NULL, &f->why),
        ERR_CONFLICT);
    contract_settle(f);
    contract_restart(f);
    struct store_order *row = look(f, order->id);
    assert_int_equal(row->star->canceled, CONTRACT_NOW + 3);
    assert_int_equal(row->star->due, 0);
    assert_int_equal(row->expires, CONTRACT_NOW + 1000); /* the first one's end */
    assert_null(row->error);
    /* the signer was quick, but not quick enough */
    assert_int_equal(store_issuance_finish(f->session, second, span_of("certificate"),
                                           span_of("chain"), &f->why),
                     ERR_CONFLICT);
    const struct store_star_step next = {.seen = 0, .due = DUE};
    (void)begin(f, order, 3, &next, ERR_CONFLICT);
    assert_int_equal(store_star_postpone(f->session, order->id, 0, DUE, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(due(f, END, ids), 0);
}

struct racer {
    struct contract *f;
    const struct store_order *order;
    uint8_t mark;
    bool cancels;
    enum err result;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    struct err_info why = {0};
    struct store_session *session = NULL;
    const struct store_star_step step = {.seen = DUE, .due = DUE + LIFETIME};
    struct store_issuance issuance = contract_issuance_for(r->order, r->mark);

    issuance.star = &step;
    r->result = store_session_open(r->f->store, &session, &why);
    if (r->result != ERR_OK)
        return NULL;
    r->result = r->cancels
                    ? store_star_cancel(session, r->order->id, CONTRACT_NOW, NULL, &why)
                    : store_issuance_begin(session, &issuance, &why);
    if (store_wait(r->f->store, store_session_ticket(session), &why) != ERR_OK)
        r->result = ERR_STORE;
    store_session_close(session);
    return NULL;
}

/* However many try: one renewal, and none behind a cancellation. */
static void one_wins(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    uint8_t mark = 10;

    for (int round = 0; round < 10; round++) {
        struct store_order *order = running(f, owner, mark++);
        struct racer racers[RACERS];
        pthread_t threads[RACERS];
        size_t begun = 0;
        for (size_t i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){.f = f,
                                       .order = order,
                                       .mark = mark++,
                                       .cancels = round >= 5 && i == RACERS / 2};
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (size_t i = 0; i < RACERS; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < RACERS; i++) {
            assert_true(racers[i].result == ERR_OK || racers[i].result == ERR_CONFLICT);
            if (racers[i].cancels)
                assert_int_equal(racers[i].result, ERR_OK);
            else if (racers[i].result == ERR_OK)
                begun++;
        }
        assert_true(round < 5 ? begun == 1 : begun <= 1);
        struct store_issuance *open = NULL;
        size_t count = 0;
        assert_int_equal(
            store_issuances_unfinished(f->session, f->arena, 10, &open, &count, &f->why),
            ERR_OK);
        assert_int_equal(count, round < 5 ? 1 : 0);
        if (count > 0)
            finish(f, open[0].id);
    }
}

/* Housekeeping takes their facts with them, and not before. */
static void swept_with_the_order(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f);
    struct store_order *order = running(f, owner, 1);
    const struct store_sweep_limits limits = {.rows = 10};
    struct store_sweep sweep = {.clock = END};
    struct store_sweep_result result = {0};
    struct store_issuance *row = NULL;

    (void)contract_add_order(f, owner, 1);
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &result, &f->why),
                     ERR_OK);
    assert_int_equal(result.orders, 0);
    assert_int_equal(result.authzs, 1); /* it goes on without it */
    const struct store_star_step step = {.seen = DUE, .due = 0};
    finish(f, begin(f, order, 2, &step, ERR_OK));
    sweep.clock = END + 1;
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &result, &f->why),
                     ERR_OK);
    assert_int_equal(result.orders, 1);
    assert_int_equal(store_star_postpone(f->session, order->id, 0, 1, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_star_cancel(f->session, order->id, 1, NULL, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(
        store_star_certificate(f->session, f->arena, order->id, &row, &f->why), ERR_OK);
}

int contract_star(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(facts_come_back),
        CONTRACT_TEST(first_is_like_any_other),
        CONTRACT_TEST(renewals_follow_each_other),
        CONTRACT_TEST(given_up_and_tried_again),
        CONTRACT_TEST(refused_and_tried_again),
        CONTRACT_TEST(key_of_an_account),
        CONTRACT_TEST(ends_with_the_order),
        CONTRACT_TEST(due_in_their_order),
        CONTRACT_TEST(nothing_for_who_gave_up),
        CONTRACT_TEST(canceled_is_the_end),
        CONTRACT_TEST(one_wins),
        CONTRACT_TEST(swept_with_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
