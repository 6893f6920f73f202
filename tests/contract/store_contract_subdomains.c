/* The store's contract: who proved a name in the DNS may have those below it (RFC 9444).
 */
#include "reuse_parts.h"

static void a_name_serves_those_below(void **state)
{
    static const struct {
        const char *name;
        bool serves;
    } rows[] = {
        {"example.test", true},
        {"a.example.test", true},
        {"b.a.example.test", true},
        {"*.example.test", true},
        {"*.a.example.test", true},
        {"aexample.test", false},
        {"example.test.a", false},
        {"test", false},
        {"*.test", false},
        {"other.test", false},
        {"a.b.c.d.e.f.g.h.example.test", true},
        {"a.b.c.d.e.f.g.h.i.example.test", false}, /* farther than is looked */
    };
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    struct store_reuse without = everything();
    int64_t id = asked(f, owner, "example.test", true, false);

    without.subdomains = false;
    assert_true(authz_of(f, id)->subdomains && authz_of(f, id)->wildcard);
    assert_true(order_name(f, owner, "x.example.test", &reuse)->authzs[0].id > id);
    prove(f, id, CONTRACT_NOW);
    contract_restart(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct store_order *order = order_name(f, owner, rows[i].name, &reuse);
        if ((order->authzs[0].id == id) != rows[i].serves)
            fail_msg("%s", rows[i].name);
    }
    assert_true(order_name(f, owner, "y.example.test", &without)->authzs[0].id > id);
    assert_true(order_name(f, account(f, 2), "y.example.test", &reuse)->authzs[0].id >
                id);
    assert_int_equal(store_authz_deactivate(f->session, id, CONTRACT_NOW, &f->why),
                     ERR_OK);
    assert_true(order_name(f, owner, "z.example.test", &reuse)->authzs[0].id > id);
}

/* What was looked up for one name must not be looked up for the next, which has fewer
 * names above it. */
static void one_below_serves_no_stranger(void **state)
{
    static const char *const names[] = {"a.b.c.example.test", "other.org",
                                        "d.e.f.example.test", "org"};
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    int64_t id = asked(f, owner, "example.test", true, false);

    prove(f, id, CONTRACT_NOW);
    struct store_order *order = order_names(f, owner, 4, names, NULL, &reuse);
    assert_int_equal(order->authzs[0].id, id);
    assert_int_equal(order->authzs[2].id, id);
    assert_int_not_equal(order->authzs[1].id, id);
    assert_int_not_equal(order->authzs[3].id, id);
    (void)order_name(f, owner, "g.h.i.example.test", &reuse);
    assert_int_not_equal(order_name(f, owner, "another.org", &reuse)->authzs[0].id, id);
}

static void a_plain_one_is_not_for_subdomains(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    const struct store_reuse reuse = everything();
    int64_t plain = asked(f, owner, "a.test", false, false);
    int64_t below = asked(f, owner, "a.test", true, false);

    assert_true(below > plain);
    assert_int_equal(asked(f, owner, "a.test", true, true), below);
    assert_int_equal(asked(f, owner, "a.test", false, true), plain);
    prove(f, plain, CONTRACT_NOW);
    assert_int_equal(asked(f, owner, "a.test", true, true), below);
    assert_int_equal(asked(f, owner, "a.test", false, true), plain);
    /* nor is that of a wildcard */
    prove(f, order_name(f, owner, "*.a.test", &reuse)->authzs[0].id, CONTRACT_NOW);
    assert_int_equal(asked(f, owner, "a.test", true, true), below);
    prove(f, below, CONTRACT_NOW);
    assert_int_equal(asked(f, owner, "a.test", true, true), below);
}

static void one_for_several_names_of_an_order(void **state)
{
    static const char *const names[] = {"a.x.test", "plain.test", "*.b.x.test",
                                        "c.y.test", "x.test"};
    static const char *const above[] = {"x.test", NULL, "x.test", "y.test", NULL};
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_order *order = order_names(f, owner, 5, names, above, NULL);
    struct store_issuance issuance = contract_issuance_for(order, 1);
    struct store_order *row = NULL;

    contract_restart(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->identifier_count, 5);
    assert_int_equal(row->authz_count, 5);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(row->authzs[i].id == row->authzs[j].id, i == 2 && j == 0);
    assert_string_equal(row->authzs[2].identifier.value, "x.test");
    assert_string_equal(row->identifiers[2].value, "*.b.x.test");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why),
                         ERR_CONFLICT);
        if (i != 2)
            prove(f, row->authzs[i].id, CONTRACT_NOW);
    }
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    contract_settle(f);
}

int contract_subdomains(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_name_serves_those_below),
        CONTRACT_TEST(one_below_serves_no_stranger),
        CONTRACT_TEST(a_plain_one_is_not_for_subdomains),
        CONTRACT_TEST(one_for_several_names_of_an_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
