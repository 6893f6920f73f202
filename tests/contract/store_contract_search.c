/* The store's contract: issuances looked for, revoked together, and by their key. */
#include "contract.h"

#include <string.h>

#include "server/store/store_search.h"

#define SUPERSEDED     4 /* CRLReason (RFC 5280 5.3.1) */
#define KEY_COMPROMISE 1
#define DAY            86400

/* One more, for the key whose hash is `key` all over; expired at `not_after`. */
static struct store_issuance begun(struct contract *f, int64_t account, uint8_t mark,
                                   uint8_t key, int64_t not_after)
{
    struct store_issuance made =
        contract_issuance_for(contract_add_proved_order(f, account, 1), mark);

    memset(made.key_hash, key, STORE_HASH_SIZE);
    made.not_after = not_after;
    assert_int_equal(store_issuance_begin(f->session, &made, &f->why), ERR_OK);
    return made;
}

static struct store_issuance issued(struct contract *f, int64_t account, uint8_t mark,
                                    uint8_t key)
{
    struct store_issuance made = begun(f, account, mark, key, CONTRACT_NOW + DAY);

    assert_int_equal(store_issuance_finish(f->session, made.id, span_of("certificate"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    return made;
}

static struct span serial_of(const struct store_issuance *issuance)
{
    return span_make(issuance->serial, issuance->serial_len);
}

/* The reason of its revocation, -2 if it is not revoked. */
static int reason_of(struct contract *f, const struct store_issuance *issuance)
{
    struct store_found *row = NULL;

    assert_int_equal(
        store_search_serial(f->session, f->arena, serial_of(issuance), &row, &f->why),
        ERR_OK);
    assert_int_equal(row->issuance.id, issuance->id);
    return row->revocation.at != 0 ? row->revocation.reason : -2;
}

static bool is_blocked(struct contract *f, const struct store_issuance *issuance)
{
    bool blocked = false;

    assert_int_equal(
        store_key_is_blocked(f->session, issuance->key_hash, &blocked, &f->why), ERR_OK);
    return blocked;
}

static size_t count_range(struct contract *f, const struct store_search *search,
                          int64_t after, int64_t last)
{
    struct store_found *rows = NULL;
    size_t count = 99;

    assert_int_equal(store_search_range(f->session, f->arena, search, after, last, &rows,
                                        &count, &f->why),
                     ERR_OK);
    for (size_t i = 0; i < count; i++)
        assert_true(rows[i].issuance.id > after && rows[i].issuance.id <= last &&
                    (i == 0 || rows[i].issuance.id > rows[i - 1].issuance.id));
    return count;
}

static void whatever_became_of_it_is_found(void **state)
{
    struct contract *f = *state;
    bool existed;
    int64_t one = contract_add_account(f, 1, &existed)->id;
    int64_t two = contract_add_account(f, 2, &existed)->id;
    struct store_issuance first = issued(f, one, 1, 1);
    struct store_issuance second = begun(f, two, 2, 1, CONTRACT_NOW + DAY);
    struct store_issuance third = begun(f, two, 3, 3, CONTRACT_NOW + DAY);
    struct store_found *rows = NULL;
    size_t count = 0;
    int64_t newest = 0;

    assert_int_equal(store_issuance_abandon(f->session, third.id, &f->why), ERR_OK);
    contract_restart(f);
    assert_int_equal(store_search_newest(f->session, &newest, &f->why), ERR_OK);
    assert_int_equal(newest, third.id);
    const struct store_search all = {0};
    assert_int_equal(count_range(f, &all, 0, newest), 3);
    assert_int_equal(count_range(f, &all, first.id, second.id), 1);
    const struct store_search of_two = {.account_id = two};
    assert_int_equal(count_range(f, &of_two, 0, newest), 2);
    const struct store_search later = {.begun_from = first.begun + 1};
    assert_int_equal(count_range(f, &later, 0, newest), 0);
    const struct store_search before = {.begun_before = first.begun + 1};
    assert_int_equal(count_range(f, &before, 0, newest), 3);
    assert_int_equal(store_search_key(f->session, f->arena, first.key_hash, 0, 9, &rows,
                                      &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 2);
    assert_true(span_equal(rows[1].issuance.tbs, second.tbs));
    assert_true(rows[0].issuance.finished && !rows[1].issuance.finished);
    assert_int_equal(store_search_key(f->session, f->arena, first.key_hash, first.id, 9,
                                      &rows, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 1);
    /* the octets behind those in the index count, too */
    struct store_issuance other = first;
    other.key_hash[STORE_HASH_SIZE - 1] ^= 1;
    assert_int_equal(store_search_key(f->session, f->arena, other.key_hash, 0, 9, &rows,
                                      &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(
        store_search_serial(f->session, f->arena, span_of("?"), &rows, &f->why),
        ERR_NOT_FOUND);
}

static void several_are_revoked_in_one_change(void **state)
{
    struct contract *f = *state;
    bool existed;
    int64_t account = contract_add_account(f, 1, &existed)->id;
    struct store_issuance rows[] = {
        issued(f, account, 1, 1),
        begun(f, account, 2, 2, CONTRACT_NOW + DAY),
        begun(f, account, 3, 3, CONTRACT_NOW - 1),
        issued(f, account, 4, 4),
    };
    const struct store_issuance *list[] = {&rows[0], &rows[1], &rows[2], &rows[3]};
    const struct store_revocation superseded = {CONTRACT_NOW, SUPERSEDED};
    const struct store_revocation later = {CONTRACT_NOW + 9, STORE_REASON_NONE};
    struct store_revoked sum = {0};

    assert_int_equal(store_revoke_all(f->session, list, 3, &superseded, CONTRACT_NOW,
                                      &sum, NULL, &f->why),
                     ERR_OK);
    assert_int_equal(sum.revoked, 2); /* the third has expired */
    assert_int_equal(sum.siblings, 0);
    assert_int_equal(store_revoke_all(f->session, list, 4, &later, CONTRACT_NOW + 9, &sum,
                                      NULL, &f->why),
                     ERR_OK);
    assert_int_equal(sum.revoked, 1);
    contract_restart(f);
    assert_int_equal(reason_of(f, &rows[0]), SUPERSEDED);
    assert_int_equal(reason_of(f, &rows[1]), SUPERSEDED);
    assert_int_equal(reason_of(f, &rows[2]), -2);
    assert_int_equal(reason_of(f, &rows[3]), STORE_REASON_NONE);
    assert_false(is_blocked(f, &rows[0]));
}

/* S-REV-11 and more: other accounts' certificates, those that are being signed, those
 * that were given up, and those that were revoked for another reason. */
static void key_takes_its_certificates_with_it(void **state)
{
    struct contract *f = *state;
    bool existed;
    int64_t one = contract_add_account(f, 1, &existed)->id;
    int64_t two = contract_add_account(f, 2, &existed)->id;
    struct store_issuance own = issued(f, one, 1, 7);
    struct store_issuance theirs = issued(f, two, 2, 7);
    struct store_issuance signing = begun(f, two, 3, 7, CONTRACT_NOW + DAY);
    struct store_issuance lost = begun(f, two, 4, 7, CONTRACT_NOW + DAY);
    struct store_issuance expired = begun(f, one, 5, 7, CONTRACT_NOW - 1);
    struct store_issuance other = issued(f, one, 6, 8);
    const struct store_issuance *list[] = {&theirs};
    const struct store_revocation superseded = {CONTRACT_NOW - 5, SUPERSEDED};
    const struct store_revocation compromise = {CONTRACT_NOW, KEY_COMPROMISE};
    struct store_revoked sum = {0};

    assert_int_equal(store_issuance_abandon(f->session, lost.id, &f->why), ERR_OK);
    assert_int_equal(store_revoke_all(f->session, list, 1, &superseded, CONTRACT_NOW,
                                      &sum, NULL, &f->why),
                     ERR_OK);
    assert_int_equal(reason_of(f, &theirs), SUPERSEDED);
    assert_int_equal(store_revoke(f->session, &own, &compromise, true, NULL, &f->why),
                     ERR_OK);
    contract_restart(f);
    assert_int_equal(reason_of(f, &own), KEY_COMPROMISE);
    assert_int_equal(reason_of(f, &theirs), KEY_COMPROMISE);
    assert_int_equal(reason_of(f, &signing), KEY_COMPROMISE);
    assert_int_equal(reason_of(f, &lost), KEY_COMPROMISE);
    assert_int_equal(reason_of(f, &expired), -2);
    assert_int_equal(reason_of(f, &other), -2);
    assert_true(is_blocked(f, &own));
    assert_false(is_blocked(f, &other));
}

static void key_can_be_blocked_alone(void **state)
{
    struct contract *f = *state;
    bool existed;
    int64_t account = contract_add_account(f, 1, &existed)->id;
    struct store_issuance first = issued(f, account, 1, 7);
    struct store_issuance second = issued(f, account, 2, 7);
    struct store_issuance none = first;
    const struct store_issuance *list[] = {&first};
    const struct store_revocation early = {1, KEY_COMPROMISE};
    struct store_found *row = NULL;
    struct store_revoked sum = {0};

    memset(none.key_hash, 9, STORE_HASH_SIZE);
    assert_int_equal(store_key_block(f->session, none.key_hash, CONTRACT_NOW, &f->why),
                     ERR_OK);
    assert_true(is_blocked(f, &none));
    /* a time that lies back, but not before the certificate was begun */
    assert_int_equal(
        store_revoke_all(f->session, list, 1, &early, CONTRACT_NOW, &sum, NULL, &f->why),
        ERR_OK);
    assert_int_equal(sum.revoked, 1);
    assert_int_equal(sum.siblings, 1);
    assert_int_equal(
        store_search_serial(f->session, f->arena, serial_of(&second), &row, &f->why),
        ERR_OK);
    assert_int_equal(row->revocation.at, second.begun);
    contract_settle(f);
}

int contract_search(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(whatever_became_of_it_is_found),
        CONTRACT_TEST(several_are_revoked_in_one_change),
        CONTRACT_TEST(key_takes_its_certificates_with_it),
        CONTRACT_TEST(key_can_be_blocked_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
