/* The store's contract: what is changed or ended by its owner. Keys of accounts,
 * authorizations, the list of orders, revocation. */
#include "contract.h"
#include "server/store/store_reuse.h"

#include <string.h>

#define MISSING        987654
#define UNSPECIFIED    0
#define KEY_COMPROMISE 1
#define SUPERSEDED     4

static int64_t account(struct contract *f, uint8_t mark)
{
    bool existed;

    return contract_add_account(f, mark, &existed)->id;
}

static const uint8_t *thumbprint(struct contract *f, uint8_t mark)
{
    uint8_t *made = arena_get(f->arena, STORE_THUMBPRINT_SIZE);

    memset(made, mark, STORE_THUMBPRINT_SIZE);
    return made;
}

/* --- keys --------------------------------------------------------------------------- */

static enum err rekey(struct contract *f, int64_t id, uint8_t before, uint8_t after,
                      int64_t *holder)
{
    enum err result =
        store_account_rekey(f->session, id, thumbprint(f, before), thumbprint(f, after),
                            "{\"new\":1}", NULL, holder, &f->why);
    contract_settle(f);
    return result;
}

static void account_changes_its_key(void **state)
{
    struct contract *f = *state;
    int64_t id = account(f, 1);
    int64_t other = account(f, 2);
    int64_t holder = -1;
    struct store_account *row = NULL;

    assert_int_equal(rekey(f, MISSING, 1, 3, &holder), ERR_NOT_FOUND);
    assert_int_equal(rekey(f, id, 1, 2, &holder), ERR_CONFLICT);
    assert_int_equal(holder, other);
    assert_int_equal(rekey(f, id, 9, 3, &holder), ERR_UNAUTHORIZED); /* not its key */
    assert_int_equal(rekey(f, id, 9, 2, &holder),
                     ERR_UNAUTHORIZED); /* whatever it wants */
    assert_int_equal(holder, 0);
    assert_int_equal(rekey(f, id, 1, 3, &holder), ERR_OK);
    contract_restart(f);
    assert_int_equal(store_account_by_thumbprint(f->session, f->arena, "default",
                                                 thumbprint(f, 1), &row, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_account_by_thumbprint(f->session, f->arena, "default",
                                                 thumbprint(f, 3), &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->id, id);
    assert_string_equal(row->jwk, "{\"new\":1}");
    assert_int_equal(account(f, 1), other + 1); /* the old key is free for another */
    contract_deactivate_account(f, id);
    assert_int_equal(rekey(f, id, 3, 4, &holder), ERR_UNAUTHORIZED);
}

/* --- authorizations ----------------------------------------------------------------- */

static void authorization_is_deactivated(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_order *valid = contract_add_proved_order(f, owner, 2);
    struct store_order *pending = contract_add_order(f, owner, 1);
    struct store_order *bad = contract_add_order(f, owner, 1);
    struct store_issuance issuance = contract_issuance_for(valid, 1);
    struct store_authz *row = NULL;

    assert_int_equal(store_attempt_finish(f->session, bad->authzs[0].id, 0,
                                          STORE_VERDICT_INVALID, "{}", NULL, CONTRACT_NOW,
                                          &f->why),
                     ERR_OK);
    assert_int_equal(store_authz_deactivate(f->session, MISSING, CONTRACT_NOW, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(
        store_authz_deactivate(f->session, bad->authzs[0].id, CONTRACT_NOW, &f->why),
        ERR_CONFLICT);
    const struct store_order *orders[] = {valid, pending};
    for (size_t i = 0; i < 2; i++) {
        int64_t id = orders[i]->authzs[0].id;
        assert_int_equal(store_authz_deactivate(f->session, id, CONTRACT_NOW, &f->why),
                         ERR_OK);
        assert_int_equal(
            store_authz_deactivate(f->session, id, CONTRACT_NOW + 1, &f->why),
            ERR_CONFLICT);
        assert_int_equal(store_attempt_finish(f->session, id, 0, STORE_VERDICT_VALID,
                                              NULL, NULL, CONTRACT_NOW, &f->why),
                         ERR_CONFLICT);
        assert_int_equal(store_authz_by_id(f->session, f->arena, id, &row, &f->why),
                         ERR_OK);
        assert_int_equal(row->deactivated, CONTRACT_NOW);
    }
    /* nothing is issued from it any more */
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_CONFLICT);
    contract_settle(f);
}

static void issuance_needs_every_authorization(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_order *order = contract_add_order(f, owner, 3);
    struct store_issuance issuance = contract_issuance_for(order, 1);

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why),
                         ERR_CONFLICT);
        assert_int_equal(store_attempt_finish(f->session, order->authzs[i].id, 0,
                                              STORE_VERDICT_VALID, NULL, "[]",
                                              CONTRACT_NOW, &f->why),
                         ERR_OK);
    }
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    contract_settle(f);
}

/* S-FIN-5: no account's key is certified, whoever asks, also if the account is closed. */
static void no_account_s_key_is_certified(void **state)
{
    struct contract *f = *state;
    int64_t other = account(f, 2);
    struct store_order *order = contract_add_proved_order(f, account(f, 1), 1);
    struct store_issuance issuance = contract_issuance_for(order, 1);

    for (uint8_t mark = 1; mark <= 2; mark++) {
        memset(issuance.key_thumbprint, mark, STORE_THUMBPRINT_SIZE);
        assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why),
                         ERR_BAD_CSR);
    }
    contract_deactivate_account(f, other);
    contract_restart(f);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_BAD_CSR);
    memset(issuance.key_thumbprint, 3, STORE_THUMBPRINT_SIZE);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    contract_settle(f);
}

/* An issuance is begun while order and authorizations live, and the account does. */
static void nothing_is_issued_after_the_end(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_order *order = contract_add_proved_order(f, owner, 2);
    struct store_issuance issuance = contract_issuance_for(order, 1);

    issuance.begun = order->expires;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_CONFLICT);
    issuance.begun = order->expires - 1;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    struct store_order *late = contract_add_proved_order(f, owner, 1);
    issuance = contract_issuance_for(late, 2);
    contract_deactivate_account(f, owner);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why),
                     ERR_UNAUTHORIZED);
    contract_settle(f);
}

/* Whichever ends first: the order, or what it rests on. */
static void nothing_is_issued_from_what_has_expired(void **state)
{
    static const int64_t lives[2][2] = {{10, 1000}, {1000, 10}};
    struct contract *f = *state;
    struct store_identifier name = {0, "a.test"};
    int64_t owner = account(f, 1);

    for (uint8_t i = 0; i < 2; i++) {
        struct store_authz authz = {.identifier = name,
                                    .expires = CONTRACT_NOW + lives[i][0]};
        struct store_order order = {.account_id = owner,
                                    .expires = CONTRACT_NOW + lives[i][1],
                                    .profile = "",
                                    .identifiers = &name,
                                    .identifier_count = 1,
                                    .authzs = &authz};
        assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_OK);
        assert_int_equal(store_attempt_finish(f->session, authz.id, 0,
                                              STORE_VERDICT_VALID, NULL, "[]",
                                              CONTRACT_NOW, &f->why),
                         ERR_OK);
        struct store_issuance issuance = contract_issuance_for(&order, i);
        issuance.begun = CONTRACT_NOW + 10;
        assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why),
                         ERR_CONFLICT);
        issuance.begun = CONTRACT_NOW + 9;
        assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    }
    contract_settle(f);
}

static void nothing_is_checked_after_the_end(void **state)
{
    struct contract *f = *state;
    struct store_order *order = contract_add_order(f, account(f, 1), 1);
    int64_t id = order->authzs[0].id;

    assert_int_equal(store_attempt_begin(f->session, id, 0, order->expires, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_attempt_begin(f->session, id, 0, order->expires - 1, &f->why),
                     ERR_OK);
    contract_settle(f);
}

static bool has_proved(struct contract *f, int64_t owner, const char *const *names,
                       size_t count, int64_t now)
{
    struct store_identifier *list = arena_array(f->arena, count + 1, sizeof *list);
    const struct store_reuse reuse = {
        .proved_last = INT64_MAX, .outlives = now, .types = 1};
    bool all = false;

    for (size_t i = 0; i < count; i++)
        list[i].value = names[i];
    assert_int_equal(
        store_reuse_has_proved(f->session, owner, list, count, &reuse, &all, &f->why),
        ERR_OK);
    return all;
}

static void proved_names_are_known(void **state)
{
    static const char *const names[] = {"name0.example.test", "name1.example.test",
                                        "name2.example.test"};
    static const char *const wildcard[] = {"*.name0.example.test"};
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_order *order = contract_add_proved_order(f, owner, 2);

    assert_true(has_proved(f, owner, names, 1, CONTRACT_NOW));
    assert_true(has_proved(f, owner, names, 2, CONTRACT_NOW));
    assert_false(has_proved(f, owner, names, 3, CONTRACT_NOW));
    assert_false(has_proved(f, owner, names, 0, CONTRACT_NOW));
    assert_false(has_proved(f, owner, wildcard, 1, CONTRACT_NOW));
    assert_false(has_proved(f, account(f, 2), names, 1, CONTRACT_NOW));
    assert_true(has_proved(f, owner, names, 2, order->expires - 1));
    assert_false(has_proved(f, owner, names, 2, order->expires));
    assert_int_equal(
        store_authz_deactivate(f->session, order->authzs[1].id, CONTRACT_NOW, &f->why),
        ERR_OK);
    assert_false(has_proved(f, owner, names, 2, CONTRACT_NOW));
    assert_true(has_proved(f, owner, names, 1, CONTRACT_NOW));
}

/* --- the list of orders ------------------------------------------------------------- */

static void orders_are_listed_newest_first(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    int64_t other = account(f, 2);
    int64_t ids[5];
    int64_t found[10];
    size_t count = 9;

    assert_int_equal(
        store_orders_of_account(f->session, owner, INT64_MAX, 10, found, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 5; i++) {
        ids[i] = contract_add_order(f, owner, 1)->id;
        (void)contract_add_order(f, other, 1);
    }
    contract_restart(f);
    assert_int_equal(
        store_orders_of_account(f->session, owner, INT64_MAX, 3, found, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(found[i], ids[4 - i]);
    assert_int_equal(
        store_orders_of_account(f->session, owner, ids[2], 3, found, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(found[0], ids[1]);
    assert_int_equal(found[1], ids[0]);
}

/* --- orders that are found again ---------------------------------------------------- */

static void orders_are_found_by_their_key(void **state)
{
    struct contract *f = *state;
    struct store_identifier name = {0, "a.test"};
    struct store_order *row = NULL;
    int64_t owner = account(f, 1);
    int64_t ids[3];

    for (int i = 0; i < 3; i++) {
        struct store_authz authz = {.identifier = name};
        struct store_order order = {.account_id = owner,
                                    .profile = "",
                                    .identifiers = &name,
                                    .identifier_count = 1,
                                    .authzs = &authz};
        if (i < 2)
            order.reuse_key = span_of("key");
        assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_OK);
        ids[i] = order.id;
    }
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(
        store_reuse_order(f->session, f->arena, span_of("key"), &row, &f->why), ERR_OK);
    assert_int_equal(row->id, ids[1]);
    assert_string_equal(row->identifiers[0].value, "a.test");
    assert_int_equal(
        store_reuse_order(f->session, f->arena, span_of("other"), &row, &f->why),
        ERR_NOT_FOUND);
}

/* --- revocation --------------------------------------------------------------------- */

static struct store_issuance issued(struct contract *f, int64_t owner, uint8_t mark)
{
    struct store_issuance i =
        contract_issuance_for(contract_add_proved_order(f, owner, 1), mark);

    memset(i.key_hash, mark, STORE_HASH_SIZE);
    assert_int_equal(store_issuance_begin(f->session, &i, &f->why), ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, i.id, span_of("certificate"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    contract_settle(f);
    return i;
}

static enum err revoke(struct contract *f, const struct store_issuance *i, int64_t at,
                       int reason)
{
    const struct store_revocation revocation = {at, reason};
    enum err result =
        store_revoke(f->session, i, &revocation, reason == KEY_COMPROMISE, NULL, &f->why);
    contract_settle(f);
    return result;
}

static void expect(struct contract *f, const struct store_issuance *i, int64_t at,
                   int reason, bool key_blocked)
{
    struct store_revocation now = {-5, -5};
    struct store_issuance *row = NULL;
    bool blocked = !key_blocked;

    assert_int_equal(store_certificate_by_serial(f->session, f->arena,
                                                 span_make(i->serial, i->serial_len),
                                                 &row, &now, &f->why),
                     ERR_OK);
    assert_int_equal(row->id, i->id);
    assert_true(span_is(row->certificate, "certificate"));
    assert_true(span_is(row->issuers, "chain"));
    assert_int_equal(now.at, at);
    assert_int_equal(now.reason, reason);
    assert_int_equal(store_key_is_blocked(f->session, i->key_hash, &blocked, &f->why),
                     ERR_OK);
    assert_int_equal(blocked, key_blocked);
}

static void certificate_is_revoked_once(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance first = issued(f, owner, 1);
    struct store_issuance second = issued(f, owner, 2);

    expect(f, &first, 0, STORE_REASON_NONE, false);
    assert_int_equal(revoke(f, &first, CONTRACT_NOW, STORE_REASON_NONE), ERR_OK);
    assert_int_equal(revoke(f, &first, CONTRACT_NOW + 1, STORE_REASON_NONE),
                     ERR_CONFLICT);
    assert_int_equal(revoke(f, &first, CONTRACT_NOW + 1, SUPERSEDED), ERR_CONFLICT);
    contract_restart(f);
    expect(f, &first, CONTRACT_NOW, STORE_REASON_NONE, false);
    expect(f, &second, 0, STORE_REASON_NONE, false);
    /* it turns out to be worse: the time of the revocation stays */
    assert_int_equal(revoke(f, &first, CONTRACT_NOW + 2, KEY_COMPROMISE), ERR_OK);
    assert_int_equal(revoke(f, &first, CONTRACT_NOW + 3, KEY_COMPROMISE), ERR_CONFLICT);
    assert_int_equal(revoke(f, &first, CONTRACT_NOW + 3, UNSPECIFIED), ERR_CONFLICT);
    contract_restart(f);
    expect(f, &first, CONTRACT_NOW, KEY_COMPROMISE, true);
    expect(f, &second, 0, STORE_REASON_NONE, false);
}

/* Both may come between the look at the account or the key and the issuance. */
static void nothing_is_issued_for_whom_it_must_not(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance first = issued(f, owner, 1);
    struct store_issuance again =
        contract_issuance_for(contract_add_proved_order(f, owner, 1), 2);

    assert_int_equal(revoke(f, &first, CONTRACT_NOW, KEY_COMPROMISE), ERR_OK);
    memcpy(again.key_hash, first.key_hash, STORE_HASH_SIZE);
    assert_int_equal(store_issuance_begin(f->session, &again, &f->why), ERR_BAD_CSR);
    memset(again.key_hash, 2, STORE_HASH_SIZE);
    contract_deactivate_account(f, owner);
    assert_int_equal(store_issuance_begin(f->session, &again, &f->why), ERR_UNAUTHORIZED);
    contract_settle(f);
}

/* The signer said no: both or nothing, also for who says so twice. */
static void refused_issuance_ends_its_order(void **state)
{
    struct contract *f = *state;
    int64_t owner = account(f, 1);
    struct store_issuance done = issued(f, owner, 1);
    struct store_order *order = contract_add_proved_order(f, owner, 1);
    struct store_issuance begun = contract_issuance_for(order, 2);
    struct store_order *row = NULL;

    assert_int_equal(store_issuance_begin(f->session, &begun, &f->why), ERR_OK);
    assert_int_equal(store_issuance_refuse(f->session, begun.id, "{\"no\":1}", &f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_refuse(f->session, begun.id, "{}", &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_issuance_refuse(f->session, done.id, "{}", &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_issuance_refuse(f->session, MISSING, "{}", &f->why),
                     ERR_NOT_FOUND);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->error, "{\"no\":1}");
    assert_null(row->issuance);
    assert_int_equal(
        store_order_by_id(f->session, f->arena, done.order_id, &row, &f->why), ERR_OK);
    assert_null(row->error);
}

static void serial_that_was_never_finished(void **state)
{
    struct contract *f = *state;
    struct store_order *order = contract_add_proved_order(f, account(f, 1), 1);
    struct store_issuance begun = contract_issuance_for(order, 1);
    struct store_revocation now = {0};
    struct store_issuance *row = NULL;

    assert_int_equal(store_issuance_begin(f->session, &begun, &f->why), ERR_OK);
    assert_int_equal(store_certificate_by_serial(f->session, f->arena,
                                                 span_make(begun.serial, 16), &row, &now,
                                                 &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_certificate_by_serial(f->session, f->arena, span_of("?"), &row,
                                                 &now, &f->why),
                     ERR_NOT_FOUND);
    contract_settle(f);
}

int contract_endings(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(account_changes_its_key),
        CONTRACT_TEST(authorization_is_deactivated),
        CONTRACT_TEST(issuance_needs_every_authorization),
        CONTRACT_TEST(no_account_s_key_is_certified),
        CONTRACT_TEST(nothing_is_issued_after_the_end),
        CONTRACT_TEST(nothing_is_issued_from_what_has_expired),
        CONTRACT_TEST(nothing_is_checked_after_the_end),
        CONTRACT_TEST(proved_names_are_known),
        CONTRACT_TEST(orders_are_listed_newest_first),
        CONTRACT_TEST(orders_are_found_by_their_key),
        CONTRACT_TEST(certificate_is_revoked_once),
        CONTRACT_TEST(nothing_is_issued_for_whom_it_must_not),
        CONTRACT_TEST(refused_issuance_ends_its_order),
        CONTRACT_TEST(serial_that_was_never_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
