/* The store's contract: keys that are blocked, and those of certificates, which are no
 * accounts'. */
#include "contract.h"

#include <string.h>

#include "server/store/store_key.h"

#define KEYS 5

static struct store_blocked_key key_of(uint8_t mark)
{
    struct store_blocked_key key = {.since = CONTRACT_NOW + mark, .reason = "a reason"};

    memset(key.hash, mark, STORE_HASH_SIZE);
    return key;
}

static void keys_are_blocked_and_listed(void **state)
{
    struct contract *f = *state;
    uint8_t none[STORE_HASH_SIZE] = {0};
    struct store_blocked_key was = {0};
    struct store_blocked_key *rows = NULL;
    size_t count = 0;
    bool blocked = false;

    for (uint8_t i = KEYS; i > 0; i--) {
        const struct store_blocked_key key = key_of(i);
        assert_int_equal(store_key_add(f->session, &key, &f->why), ERR_OK);
        assert_int_equal(store_key_add(f->session, &key, &f->why), ERR_CONFLICT);
    }
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(
        store_key_list(f->session, f->arena, none, 3, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].hash[0], i + 1);
        assert_int_equal(rows[i].since, CONTRACT_NOW + (int64_t)i + 1);
        assert_string_equal(rows[i].reason, "a reason");
    }
    assert_int_equal(
        store_key_list(f->session, f->arena, rows[2].hash, 3, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 2);
    const struct store_blocked_key second = key_of(2);
    assert_int_equal(store_key_remove(f->session, f->arena, second.hash, &was, &f->why),
                     ERR_OK);
    assert_int_equal(was.since, second.since);
    assert_int_equal(store_key_remove(f->session, f->arena, second.hash, &was, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_key_is_blocked(f->session, second.hash, &blocked, &f->why),
                     ERR_OK);
    assert_false(blocked);
    contract_settle(f);
}

/* RFC 8555 11.1. The key's hash was begun to be certified, whatever came of it. */
static void no_certificate_s_key_is_an_account_s(void **state)
{
    struct contract *f = *state;
    bool existed = false;
    int64_t holder = 0;
    struct store_account *owner = contract_add_account(f, 1, &existed);
    struct store_issuance begun =
        contract_issuance_for(contract_add_proved_order(f, owner->id, 1), 1);
    struct store_account *row = NULL;
    struct store_account fresh = {.jwk = "{}",
                                  .contacts = "[]",
                                  .created = CONTRACT_NOW,
                                  .directory = "default",
                                  .key_hash = begun.key_hash};
    uint8_t other[STORE_HASH_SIZE];

    memset(begun.key_hash, 7, STORE_HASH_SIZE);
    memset(other, 7, STORE_HASH_SIZE);
    other[STORE_HASH_SIZE - 1] = 8;
    assert_int_equal(store_issuance_begin(f->session, &begun, &f->why), ERR_OK);
    memset(fresh.thumbprint, 9, STORE_THUMBPRINT_SIZE);
    assert_int_equal(
        store_account_add(f->session, f->arena, &fresh, &existed, &row, &f->why),
        ERR_BAD_PUBLIC_KEY);
    assert_int_equal(store_account_rekey(f->session, owner->id, owner->thumbprint,
                                         fresh.thumbprint, "{}", begun.key_hash, &holder,
                                         &f->why),
                     ERR_BAD_PUBLIC_KEY);
    fresh.key_hash = other;
    assert_int_equal(
        store_account_add(f->session, f->arena, &fresh, &existed, &row, &f->why), ERR_OK);
    assert_false(existed);
    contract_settle(f);
}

int contract_keys(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(keys_are_blocked_and_listed),
        CONTRACT_TEST(no_certificate_s_key_is_an_account_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
