/* The store's contract: external account keys (RFC 8555 7.3.4) and the accounts bound
 * with them. */
#include "contract.h"

#include <pthread.h>
#include <string.h>

#define MISSING 987654

/* A key that was added, as the store has it now. */
static struct store_external_key *add_key(struct contract *f, const char *kid,
                                          int64_t uses_most, int64_t expires)
{
    const struct store_external_key key = {.kid = kid,
                                           .secret = span_make("\0secret\0", 8),
                                           .label = "a \"label\"",
                                           .policy = "{\"names\":[\".x.test\"]}",
                                           .created = CONTRACT_NOW,
                                           .expires = expires,
                                           .revoked = 5, /* ignored, as id and uses */
                                           .uses = 7,
                                           .uses_most = uses_most};
    struct store_external_key *row = NULL;

    assert_int_equal(store_external_add(f->session, &key, &f->why), ERR_OK);
    assert_int_equal(store_external_by_kid(f->session, f->arena, kid, &row, &f->why),
                     ERR_OK);
    return row;
}

static enum err bind_at(struct contract *f, struct store_session *session, uint8_t mark,
                        int64_t key_id, int64_t now, struct store_account **row)
{
    struct store_account fresh = {.jwk = "{}",
                                  .contacts = "[]",
                                  .created = now,
                                  .directory = "default",
                                  .external_key = key_id,
                                  .external_binding = "{\"payload\":\"x\"}"};
    bool existed = false;

    memset(fresh.thumbprint, mark, sizeof fresh.thumbprint);
    return store_account_add(session, f->arena, &fresh, &existed, row, &f->why);
}

static enum err bind(struct contract *f, uint8_t mark, int64_t key_id,
                     struct store_account **row)
{
    return bind_at(f, f->session, mark, key_id, CONTRACT_NOW, row);
}

static int64_t uses(struct contract *f, int64_t id)
{
    struct store_external_key *row = NULL;

    assert_int_equal(store_external_by_id(f->session, f->arena, id, &row, &f->why),
                     ERR_OK);
    return row->uses;
}

static void keys_come_back(void **state)
{
    struct contract *f = *state;
    int64_t id = add_key(f, "kid-1", 3, CONTRACT_NOW + 60)->id;
    struct store_external_key *row = NULL;

    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_external_by_kid(f->session, f->arena, "kid-1", &row, &f->why),
                     ERR_OK);
    assert_true(id > 0 && row->id == id);
    assert_true(span_equal(row->secret, span_make("\0secret\0", 8)));
    assert_string_equal(row->kid, "kid-1");
    assert_string_equal(row->label, "a \"label\"");
    assert_string_equal(row->policy, "{\"names\":[\".x.test\"]}");
    assert_int_equal(row->created, CONTRACT_NOW);
    assert_int_equal(row->expires, CONTRACT_NOW + 60);
    assert_int_equal(row->revoked, 0);
    assert_int_equal(row->uses, 0);
    assert_int_equal(row->uses_most, 3);
    assert_int_equal(store_external_by_kid(f->session, f->arena, "KID-1", &row, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_external_by_id(f->session, f->arena, MISSING, &row, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_external_add(f->session, row, &f->why), ERR_CONFLICT);
}

static void keys_are_listed_in_parts(void **state)
{
    struct contract *f = *state;
    struct store_external_key *rows = NULL;
    size_t count = 9;

    assert_int_equal(
        store_external_list(f->session, f->arena, 0, 2, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 0);
    int64_t ids[] = {add_key(f, "a", 0, 0)->id, add_key(f, "c", 0, 0)->id,
                     add_key(f, "b", 0, 0)->id};
    assert_int_equal(
        store_external_list(f->session, f->arena, 0, 2, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, ids[0]);
    assert_string_equal(rows[1].kid, "c");
    assert_int_equal(
        store_external_list(f->session, f->arena, ids[1], 2, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, ids[2]);
}

static void a_binding_is_kept_and_counted(void **state)
{
    struct contract *f = *state;
    int64_t id = add_key(f, "k", 2, 0)->id;
    int64_t found[4];
    size_t count = 0;
    struct store_account *first = NULL;
    struct store_account *row = NULL;
    bool existed;

    assert_int_equal(contract_add_account(f, 9, &existed)->external_key, 0);
    assert_int_equal(bind(f, 1, id, &first), ERR_OK);
    assert_int_equal(uses(f, id), 1);
    /* the same account again is no use of the key */
    assert_int_equal(bind(f, 1, id, &row), ERR_OK);
    assert_int_equal(row->id, first->id);
    assert_int_equal(uses(f, id), 1);
    assert_int_equal(bind(f, 2, id, &row), ERR_OK);
    assert_int_equal(bind(f, 3, id, &row), ERR_CONFLICT);
    assert_non_null(strstr(f->why.detail, "as many accounts"));
    assert_int_equal(uses(f, id), 2);
    assert_int_equal(bind(f, 3, MISSING, &row), ERR_NOT_FOUND);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_account_by_id(f->session, f->arena, first->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->external_key, id);
    assert_string_equal(row->external_binding, "{\"payload\":\"x\"}");
    assert_int_equal(
        store_external_accounts(f->session, id, 0, 4, found, &count, &f->why), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(found[0], first->id);
    assert_int_equal(
        store_external_accounts(f->session, id, found[0], 1, found, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    /* accounts without a key are not those of "key 0" */
    assert_int_equal(store_external_accounts(f->session, 0, 0, 4, found, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 0);
}

static void a_key_ends(void **state)
{
    struct contract *f = *state;
    int64_t id = add_key(f, "k", 0, CONTRACT_NOW + 10)->id;
    struct store_account *row = NULL;
    int64_t accounts = -1;

    assert_int_equal(bind_at(f, f->session, 1, id, CONTRACT_NOW + 9, &row), ERR_OK);
    assert_int_equal(bind_at(f, f->session, 2, id, CONTRACT_NOW + 10, &row),
                     ERR_CONFLICT);
    assert_non_null(strstr(f->why.detail, "expired"));
    assert_int_equal(
        store_external_revoke(f->session, id, CONTRACT_NOW, false, &accounts, &f->why),
        ERR_OK);
    assert_int_equal(accounts, 0);
    assert_int_equal(bind(f, 2, id, &row), ERR_CONFLICT);
    assert_non_null(strstr(f->why.detail, "revoked"));
    assert_int_equal(uses(f, id), 1);
    assert_int_equal(store_external_revoke(f->session, MISSING, CONTRACT_NOW, true,
                                           &accounts, &f->why),
                     ERR_NOT_FOUND);
}

static void revoking_may_take_the_accounts_along(void **state)
{
    struct contract *f = *state;
    int64_t id = add_key(f, "k", 0, 0)->id;
    int64_t other = add_key(f, "other", 0, 0)->id;
    struct store_account *rows[5] = {NULL};
    struct store_external_key *key = NULL;
    int64_t accounts = -1;
    bool existed;

    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(bind(f, (uint8_t)(i + 1), id, &rows[i]), ERR_OK);
    assert_int_equal(bind(f, 4, other, &rows[3]), ERR_OK);
    rows[4] = contract_add_account(f, 5, &existed);
    assert_int_equal(
        store_external_revoke(f->session, id, CONTRACT_NOW, true, &accounts, &f->why),
        ERR_OK);
    assert_int_equal(accounts, 3);
    assert_int_equal(
        store_external_revoke(f->session, id, CONTRACT_NOW + 5, true, &accounts, &f->why),
        ERR_OK);
    assert_int_equal(accounts, 0);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_external_by_id(f->session, f->arena, id, &key, &f->why),
                     ERR_OK);
    assert_int_equal(key->revoked, CONTRACT_NOW); /* the first time stays */
    for (int i = 0; i < 5; i++) {
        struct store_account *row = NULL;
        assert_int_equal(
            store_account_by_id(f->session, f->arena, rows[i]->id, &row, &f->why),
            ERR_OK);
        assert_int_equal(row->status,
                         i < 3 ? STORE_ACCOUNT_REVOKED : STORE_ACCOUNT_VALID);
    }
}

/* --- S-EAB-14: the last use is one account's ---------------------------------------- */

#define RACERS 8

struct racer {
    struct contract *f;
    int64_t key_id;
    uint8_t mark;
    enum err result;
    pthread_barrier_t *start;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    struct contract own = {.arena = arena_new()};
    struct store_session *session = NULL;
    struct store_account *row = NULL;

    if (store_session_open(r->f->store, &session, &own.why) == ERR_OK) {
        (void)pthread_barrier_wait(r->start);
        r->result = bind_at(&own, session, r->mark, r->key_id, CONTRACT_NOW, &row);
    }
    store_session_close(session);
    arena_free(own.arena);
    return NULL;
}

static void the_last_use_is_one_accounts(void **state)
{
    struct contract *f = *state;
    int64_t id = add_key(f, "k", 1, 0)->id;
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t start;
    int won = 0;

    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (uint8_t i = 0; i < RACERS; i++) {
        racers[i] =
            (struct racer){f, id, (uint8_t)(i + 1), ERR_INTERNAL, .start = &start};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(racers[i].result == ERR_OK || racers[i].result == ERR_CONFLICT);
        won += racers[i].result == ERR_OK;
    }
    (void)pthread_barrier_destroy(&start);
    assert_int_equal(won, 1);
    assert_int_equal(uses(f, id), 1);
}

int contract_external(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(keys_come_back),
        CONTRACT_TEST(keys_are_listed_in_parts),
        CONTRACT_TEST(a_binding_is_kept_and_counted),
        CONTRACT_TEST(a_key_ends),
        CONTRACT_TEST(revoking_may_take_the_accounts_along),
        CONTRACT_TEST(the_last_use_is_one_accounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
