/* The store's contract: authorizations as administrators look for them. */
#include "contract.h"

#include "server/store/store_evidence.h"

#define MANY (2 * STORE_EVIDENCE_SPAN + 10)

static int64_t account(struct contract *f, uint8_t mark)
{
    bool existed;

    return contract_add_account(f, mark, &existed)->id;
}

static int64_t add(struct contract *f, int64_t owner, const char *value, int64_t created)
{
    const struct store_identifier name = {0, value};
    struct store_authz authz = {
        .identifier = name, .created = created, .expires = created + 1000};
    struct store_order order = {.account_id = owner,
                                .created = created,
                                .expires = created + 1000,
                                .profile = "",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz};

    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_OK);
    return authz.id;
}

/* All that the filter lets pass, in steps of at most `most`. */
static size_t find(struct contract *f, const struct store_evidence_filter *filter,
                   size_t most, int64_t *ids, size_t room)
{
    int64_t next = INT64_MAX;
    size_t found = 0;

    for (int steps = 0; next != 0; steps++) {
        struct store_authz *rows = NULL;
        size_t count = 0;
        int64_t before = next;
        assert_true(steps < 100000);
        assert_int_equal(store_evidence_list(f->session, f->arena, filter, before, most,
                                             &rows, &count, &next, &f->why),
                         ERR_OK);
        assert_true(count <= most && next < before);
        for (size_t i = 0; i < count && found < room; i++) {
            assert_null(rows[i].record);
            assert_true(found == 0 || rows[i].id < ids[found - 1]);
            ids[found++] = rows[i].id;
        }
    }
    return found;
}

static void by_account_name_and_time(void **state)
{
    struct contract *f = *state;
    int64_t one = account(f, 1);
    int64_t two = account(f, 2);
    const int64_t made[] = {
        add(f, one, "a.test", CONTRACT_NOW),     add(f, two, "a.test", CONTRACT_NOW + 1),
        add(f, one, "b.test", CONTRACT_NOW + 2), add(f, one, "a.test", CONTRACT_NOW + 3),
        add(f, two, "c.test", CONTRACT_NOW + 4),
    };
    const struct {
        struct store_evidence_filter filter;
        size_t count;
        size_t places[5];
    } rows[] = {
        {{0}, 5, {4, 3, 2, 1, 0}},
        {{.account_id = one}, 3, {3, 2, 0}},
        {{.value = "a.test"}, 3, {3, 1, 0}},
        {{.value = "a.test", .account_id = one}, 2, {3, 0}},
        {{.since = CONTRACT_NOW + 2}, 3, {4, 3, 2}},
        {{.since = CONTRACT_NOW + 2, .value = "a.test"}, 1, {3}},
        {{.since = CONTRACT_NOW + 5}, 0, {0}},
        {{.account_id = 99}, 0, {0}},
        {{.value = ""}, 0, {0}},
    };

    contract_settle(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t most = 1; most < 7; most++) {
            int64_t ids[8];
            assert_int_equal(find(f, &rows[i].filter, most, ids, 8), rows[i].count);
            for (size_t j = 0; j < rows[i].count; j++)
                assert_int_equal(ids[j], made[rows[i].places[j]]);
        }
    }
}

/* A step is bounded: the old are found in later ones, which begin where one ended. */
static void far_back(void **state)
{
    struct contract *f = *state;
    int64_t one = account(f, 1);
    int64_t two = account(f, 2);
    int64_t first = add(f, two, "first.test", CONTRACT_NOW);
    struct store_evidence_filter filter = {.account_id = two};
    struct store_authz *rows = NULL;
    size_t count = 0;
    int64_t next = 0;
    int64_t found = 0;

    for (int i = 0; i < MANY; i++)
        (void)add(f, one, "a.test", CONTRACT_NOW + 1);
    contract_settle(f);
    assert_int_equal(store_evidence_list(f->session, f->arena, &filter, INT64_MAX, 10,
                                         &rows, &count, &next, &f->why),
                     ERR_OK);
    assert_int_equal(count, 0);
    assert_true(next > first);
    assert_int_equal(find(f, &filter, 10, &found, 1), 1);
    assert_int_equal(found, first);
    /* what is too old ends the search */
    filter.since = CONTRACT_NOW + 2;
    assert_int_equal(store_evidence_list(f->session, f->arena, &filter, INT64_MAX, 10,
                                         &rows, &count, &next, &f->why),
                     ERR_OK);
    assert_int_equal(next, 0);
}

static void an_empty_store(void **state)
{
    struct contract *f = *state;
    const struct store_evidence_filter filter = {0};

    assert_int_equal(find(f, &filter, 10, NULL, 0), 0);
}

int contract_evidence(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(by_account_name_and_time),
        CONTRACT_TEST(far_back),
        CONTRACT_TEST(an_empty_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
