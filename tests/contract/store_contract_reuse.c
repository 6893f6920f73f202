/* The store's contract: authorizations that serve more than one order, or none, and
 * orders that are found again. */
#include "reuse_parts.h"

#include <pthread.h>

/* --- orders ------------------------------------------------------------------------- */
static void proved_names_need_no_new_authorization(void **state)
{
    static const char *const names[] = {"new.test", "name0.example.test"};
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    int64_t first = contract_add_proved_order(f, owner, 1)->authzs[0].id;
    struct store_order *order = order_names(f, owner, 2, names, NULL, &reuse);
    struct store_order *row = NULL;

    assert_int_equal(order->authzs[1].id, first);
    assert_int_equal(order->authzs[1].verdict, STORE_VERDICT_VALID);
    assert_true(order->authzs[0].id > first);
    /* it does not outlive what it rests on */
    assert_int_equal(order->expires, CONTRACT_NOW + 1000);
    contract_restart(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->expires, CONTRACT_NOW + 1000);
    assert_int_equal(row->authzs[0].id, order->authzs[0].id);
    assert_int_equal(row->authzs[0].order_id, order->id);
    assert_int_equal(row->authzs[1].id, first);
    assert_string_equal(row->identifiers[1].value, names[1]);
    assert_string_equal(row->authzs[1].identifier.value, names[1]);
    /* without the wish nothing is used again */
    assert_true(order_name(f, owner, names[1], NULL)->authzs[0].id > first);
}

/* Every reason for which a proof does not serve, one at a time. */
static void proofs_that_do_not_serve(void **state)
{
    static const char name[] = "name0.example.test";
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_order *proved = contract_add_proved_order(f, owner, 1);
    int64_t id = proved->authzs[0].id;
    const struct store_reuse good = everything();
    struct store_reuse reuse = good;

    assert_int_equal(order_name(f, owner, name, &good)->authzs[0].id, id);
    assert_true(order_name(f, account(f, 2), name, &good)->authzs[0].id > id);
    assert_true(order_name(f, owner, "*.name0.example.test", &good)->authzs[0].id > id);
    assert_true(order_name(f, owner, "a.name0.example.test", &good)->authzs[0].id > id);
    reuse.outlives = CONTRACT_NOW + 999;
    assert_int_equal(order_name(f, owner, name, &reuse)->authzs[0].id, id);
    reuse.outlives = CONTRACT_NOW + 1000;
    assert_true(order_name(f, owner, name, &reuse)->authzs[0].id > id);
    reuse = good;
    reuse.proved_first = CONTRACT_NOW;
    assert_int_equal(order_name(f, owner, name, &reuse)->authzs[0].id, id);
    reuse.proved_first = CONTRACT_NOW + 1;
    reuse.proved_last = CONTRACT_NOW + 2;
    assert_true(order_name(f, owner, name, &reuse)->authzs[0].id > id);
    reuse = good;
    reuse.types = 1U << 1; /* by another challenge: contract_add_proved_order's is 0 */
    assert_true(order_name(f, owner, name, &reuse)->authzs[0].id > id);
    reuse.types = 1U << 0 | 1U << 2;
    assert_int_equal(order_name(f, owner, name, &reuse)->authzs[0].id, id);
    reuse = good;
    reuse.lasts = 700; /* as a proof: the order ends with that */
    struct store_order *short_lived = order_name(f, owner, name, &reuse);
    assert_int_equal(short_lived->authzs[0].id, id);
    assert_int_equal(short_lived->expires, CONTRACT_NOW + 700);
    reuse = good;
    reuse.proved_last = CONTRACT_NOW - 1; /* by a clock that was ahead */
    assert_true(order_name(f, owner, name, &reuse)->authzs[0].id > id);
    assert_int_equal(store_authz_deactivate(f->session, id, CONTRACT_NOW, &f->why),
                     ERR_OK);
    struct store_order *pending = order_name(f, owner, name, &good);
    assert_true(pending->authzs[0].id > id);
    assert_true(order_name(f, owner, name, &good)->authzs[0].id > pending->authzs[0].id);
    assert_int_equal(store_attempt_finish(f->session, pending->authzs[0].id, 1,
                                          STORE_VERDICT_INVALID, "{}", NULL, CONTRACT_NOW,
                                          &f->why),
                     ERR_OK);
    assert_true(order_name(f, owner, name, &good)->authzs[0].id > pending->authzs[0].id);
    contract_settle(f);
}

static void wildcards_serve_wildcards(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    int64_t id = order_name(f, owner, "*.w.test", &reuse)->authzs[0].id;

    prove(f, id, CONTRACT_NOW);
    assert_int_equal(order_name(f, owner, "*.w.test", &reuse)->authzs[0].id, id);
    assert_true(order_name(f, owner, "w.test", &reuse)->authzs[0].id > id);
    assert_true(order_name(f, owner, "a.w.test", &reuse)->authzs[0].id > id);
}

/* What ends a shared authorization ends every order that is not issued yet. */
static void all_orders_of_an_authorization_end_with_it(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    struct store_order *first = contract_add_proved_order(f, owner, 1);
    struct store_order *second = order_name(f, owner, "name0.example.test", &reuse);
    struct store_issuance one = contract_issuance_for(first, 1);
    struct store_issuance two = contract_issuance_for(second, 2);

    assert_int_equal(store_issuance_begin(f->session, &one, &f->why), ERR_OK);
    assert_int_equal(
        store_authz_deactivate(f->session, first->authzs[0].id, CONTRACT_NOW, &f->why),
        ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &two, &f->why), ERR_CONFLICT);
    contract_settle(f);
}

/* --- how long ----------------------------------------------------------------------- */

static int64_t expires_after(struct contract *f, int64_t owner, int64_t lifetime,
                             enum store_verdict verdict, int64_t when)
{
    static int number;
    const char *name = arena_printf(f->arena, "l%d.test", number++);
    struct store_order *order = arena_get(f->arena, sizeof *order);
    struct store_identifier identifier = {0, name};
    struct store_authz authz = wanted(name, NULL);

    authz.expires = CONTRACT_NOW + 1000;
    authz.lifetime = lifetime;
    order->account_id = owner;
    order->expires = CONTRACT_NOW + 1000;
    order->profile = "";
    order->identifiers = &identifier;
    order->identifier_count = 1;
    order->authzs = &authz;
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    assert_int_equal(
        store_attempt_finish(f->session, authz.id, 1, verdict, NULL, NULL, when, &f->why),
        ERR_OK);
    contract_settle(f);
    assert_int_equal(authz_of(f, authz.id)->lifetime, lifetime);
    return authz_of(f, authz.id)->expires - CONTRACT_NOW;
}

static void a_proof_prolongs_but_revives_nothing(void **state)
{
    struct contract *f = *state;
    int64_t id = account(f, 1);

    assert_int_equal(expires_after(f, id, 0, STORE_VERDICT_VALID, CONTRACT_NOW), 1000);
    assert_int_equal(expires_after(f, id, 300, STORE_VERDICT_VALID, CONTRACT_NOW), 1000);
    assert_int_equal(expires_after(f, id, 3000, STORE_VERDICT_VALID, CONTRACT_NOW), 3000);
    assert_int_equal(expires_after(f, id, 300, STORE_VERDICT_VALID, CONTRACT_NOW + 999),
                     1299);
    assert_int_equal(expires_after(f, id, 300, STORE_VERDICT_VALID, CONTRACT_NOW + 1000),
                     1000);
    assert_int_equal(expires_after(f, id, 3000, STORE_VERDICT_INVALID, CONTRACT_NOW),
                     1000);
}

/* --- without an order --------------------------------------------------------------- */

static void authorization_without_an_order(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    int64_t id = asked(f, owner, "a.test", false, false);

    assert_int_equal(authz_of(f, id)->order_id, 0);
    assert_int_equal(authz_of(f, id)->attempt_type, -1);
    assert_int_equal(authz_of(f, id)->seed[0], 9);
    contract_restart(f);
    assert_int_equal(asked(f, owner, "a.test", false, true), id); /* still pending */
    assert_true(asked(f, owner, "b.test", false, false) > id);
    assert_true(asked(f, account(f, 2), "a.test", false, false) > id);
    /* pending, it serves no order */
    assert_true(order_name(f, owner, "a.test", &reuse)->authzs[0].id > id);
    prove(f, id, CONTRACT_NOW);
    assert_int_equal(authz_of(f, id)->expires, CONTRACT_NOW + 700);
    assert_int_equal(asked(f, owner, "a.test", false, true), id); /* valid now */
    struct store_order *order = order_name(f, owner, "a.test", &reuse);
    assert_int_equal(order->authzs[0].id, id);
    assert_int_equal(order->expires, CONTRACT_NOW + 700);
    assert_int_equal(store_authz_deactivate(f->session, id, CONTRACT_NOW, &f->why),
                     ERR_OK);
    assert_true(asked(f, owner, "a.test", false, false) > id);
}

static void pending_ones_are_bounded(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_authz *row = NULL;
    bool existed = false;
    int64_t ids[2];

    (void)contract_add_order(f, owner, 5); /* of orders do not count */
    for (int i = 0; i < 2; i++) {
        const char *name = arena_printf(f->arena, "p%d.test", i);
        assert_int_equal(ask(f, owner, name, false, 2, &row, &existed), ERR_OK);
        ids[i] = row->id;
    }
    assert_int_equal(ask(f, owner, "p2.test", false, 2, &row, &existed), ERR_CONFLICT);
    assert_int_equal(ask(f, owner, "p1.test", false, 2, &row, &existed), ERR_OK);
    assert_true(existed);
    assert_int_equal(ask(f, account(f, 2), "p2.test", false, 2, &row, &existed), ERR_OK);
    prove(f, ids[0], CONTRACT_NOW);
    assert_int_equal(ask(f, owner, "p2.test", false, 2, &row, &existed), ERR_OK);
    assert_int_equal(ask(f, owner, "p3.test", false, 2, &row, &existed), ERR_CONFLICT);
    assert_int_equal(store_authz_deactivate(f->session, ids[1], CONTRACT_NOW, &f->why),
                     ERR_OK);
    assert_int_equal(ask(f, owner, "p3.test", false, 2, &row, &existed), ERR_OK);
    assert_int_equal(ask(f, 77, "p4.test", false, 2, &row, &existed), ERR_NOT_FOUND);
    contract_deactivate_account(f, owner);
    assert_int_equal(ask(f, owner, "p4.test", false, 9, &row, &existed),
                     ERR_UNAUTHORIZED);
}

struct asker {
    struct contract *f;
    int64_t owner;
    int64_t ids[20];
};

static void *ask_twenty(void *argument)
{
    struct asker *asker = argument;
    const struct store_reuse reuse = everything();
    struct store_session *s = NULL;
    struct err_info why = {0};
    struct arena *a = arena_new();

    if (store_session_open(asker->f->store, &s, &why) == ERR_OK) {
        for (int i = 0; i < 20; i++) {
            const char *name = arena_printf(a, "t%d.test", i);
            struct store_authz authz = wanted(name, NULL);
            struct store_authz *row = NULL;
            bool existed;
            authz.account_id = asker->owner;
            if (store_reuse_authz(s, a, &authz, &reuse, 20, &row, &existed, &why) ==
                ERR_OK)
                asker->ids[i] = row->id;
        }
        store_session_close(s);
    }
    arena_free(a);
    return NULL;
}

/* However many ask at once, there is one for each name. */
static void asked_at_the_same_time(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct asker askers[4] = {
        {f, owner, {0}}, {f, owner, {0}}, {f, owner, {0}}, {f, owner, {0}}};
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_twenty, &askers[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 20; i++) {
        assert_true(askers[0].ids[i] > 0);
        for (int j = 1; j < 4; j++)
            assert_int_equal(askers[j].ids[i], askers[0].ids[i]);
    }
}

/* --- subdomains (RFC 9444) ---------------------------------------------------------- */

int contract_reuse(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(proved_names_need_no_new_authorization),
        CONTRACT_TEST(proofs_that_do_not_serve),
        CONTRACT_TEST(wildcards_serve_wildcards),
        CONTRACT_TEST(all_orders_of_an_authorization_end_with_it),
        CONTRACT_TEST(a_proof_prolongs_but_revives_nothing),
        CONTRACT_TEST(authorization_without_an_order),
        CONTRACT_TEST(pending_ones_are_bounded),
        CONTRACT_TEST(asked_at_the_same_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
