/* The store's contract: the inventory of devices. */
#include "device_parts.h"
#include "server/store/store_attestation.h"

static void put_one(struct contract *f, const char *value, uint8_t mark)
{
    const struct store_device device = device_of(f, value, mark);
    struct store_device_put_result result;

    assert_int_equal(device_put(f, &device, 1, false, &result), ERR_OK);
    assert_int_equal(result.added, 1);
}

static void devices_are_kept_and_listed(void **state)
{
    struct contract *f = *state;
    struct store_device *rows = NULL;
    size_t count = 0;

    put_one(f, "a", 1);
    put_one(f, "A", 2); /* octet for octet */
    put_one(f, "b", 0);
    contract_settle(f);
    contract_restart(f);
    const struct store_device *row = device_found(f, "a");
    assert_string_equal(row->label, "a label");
    assert_int_equal(row->created, CONTRACT_NOW);
    assert_int_equal(row->external_key, 0);
    assert_null(row->kid);
    assert_int_equal(row->blocked, 0);
    assert_int_equal(row->attested, 0);
    assert_int_equal(row->key_count, 1);
    assert_int_equal(row->keys[0].kind, EK);
    assert_int_equal(row->keys[0].sha256[0], 1);
    assert_int_equal(device_found(f, "b")->key_count, 0);
    assert_int_equal(
        store_device_list(f->session, f->arena, 0, false, 2, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].identifier.value, "a");
    assert_string_equal(rows[1].identifier.value, "A");
    assert_int_equal(store_device_list(f->session, f->arena, rows[1].id, false, 2, &rows,
                                       &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].identifier.value, "b");
    const struct store_identifier same = {IDENTIFIER_HARDWARE_MODULE, "a"};
    struct store_device *none = NULL;
    assert_int_equal(store_device_find(f->session, f->arena, &same, &none, &f->why),
                     ERR_NOT_FOUND);
}

static void a_device_is_known_by_its_keys(void **state)
{
    struct contract *f = *state;
    struct store_device module = device_of(f, "a/1.2.3", 1);
    struct store_device_put_result result;
    struct store_device *rows = NULL;
    size_t count = 0;

    module.identifier.type = IDENTIFIER_HARDWARE_MODULE;
    put_one(f, "a", 1);
    /* one device of each type may have a key */
    assert_int_equal(device_put(f, &module, 1, false, &result), ERR_OK);
    const struct store_device_key ek = device_key_of(EK, 1);
    assert_int_equal(
        store_device_by_key(f->session, f->arena, &ek, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].identifier.value, "a");
    assert_string_equal(rows[1].identifier.value, "a/1.2.3");
    const struct store_device_key ak =
        device_key_of(AK, 1); /* the same octets, another kind */
    assert_int_equal(
        store_device_by_key(f->session, f->arena, &ak, &rows, &count, &f->why), ERR_OK);
    assert_int_equal(count, 0);
    contract_settle(f);
}

/* All or none, whatever is in the way: what is there, and what the list has itself. */
static void all_are_put_or_none(void **state)
{
    struct contract *f = *state;
    struct store_device_put_result result;

    put_one(f, "there", 1);
    const struct store_device list[] = {
        device_of(f, "new", 2), device_of(f, "there", 3), device_of(f, "second", 1),
        device_of(f, "new", 4), device_of(f, "third", 2),
    };
    assert_int_equal(device_put(f, list, 5, false, &result), ERR_CONFLICT);
    assert_int_equal(result.refusal_count, 4);
    assert_int_equal(result.refusals[0].index, 1);
    assert_int_equal(result.refusals[0].obstacle, STORE_DEVICE_IS_THERE);
    assert_int_equal(result.refusals[1].index, 2);
    assert_int_equal(result.refusals[1].obstacle, STORE_DEVICE_KEY_IS_TAKEN);
    assert_string_equal(result.refusals[1].identifier.value, "there");
    assert_int_equal(result.refusals[2].index, 3);
    assert_int_equal(result.refusals[3].index, 4);
    assert_string_equal(result.refusals[3].identifier.value, "new");
    assert_int_equal(device_count_of(f, false), 1);
    assert_int_equal(device_found(f, "there")->keys[0].sha256[0], 1);
    contract_settle(f);
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

static void a_dry_run_changes_nothing(void **state)
{
    struct contract *f = *state;
    const struct store_device_putting dry = {.dry_run = true, .now = CONTRACT_NOW};
    const struct store_device list[] = {device_of(f, "a", 1), device_of(f, "b", 2)};
    struct store_device_put_result result;

    assert_int_equal(
        store_device_put(f->session, f->arena, list, 2, &dry, &result, &f->why), ERR_OK);
    assert_int_equal(result.added, 2);
    assert_int_equal(device_count_of(f, false), 0);
    assert_int_equal(device_put(f, list, 2, false, &result), ERR_OK);
    assert_int_equal(device_count_of(f, false), 2);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(device_count_of(f, false), 2);
}

static void a_device_is_replaced(void **state)
{
    struct contract *f = *state;
    struct store_device_put_result result;
    struct store_device_blocked blocked;
    struct store_device_key keys[] = {device_key_of(EK, 7), device_key_of(AK, 8)};
    struct store_device device = device_of(f, "a", 0);

    put_one(f, "a", 1);
    int64_t id = device_found(f, "a")->id;
    assert_int_equal(device_block(f, "a", CONTRACT_NOW, &blocked), ERR_OK);
    device.label = "another";
    device.keys = keys;
    device.key_count = 2;
    assert_int_equal(device_put(f, &device, 1, true, &result), ERR_OK);
    assert_int_equal(result.added, 0);
    assert_int_equal(result.replaced, 1);
    const struct store_device *row = device_found(f, "a");
    assert_int_equal(row->id, id);
    assert_string_equal(row->label, "another");
    assert_int_equal(row->key_count, 2);
    assert_int_equal(row->keys[0].sha256[0], 7);
    assert_int_equal(row->blocked, CONTRACT_NOW); /* no way to unblock */
    contract_settle(f);
}

static void too_much_is_refused(void **state)
{
    struct contract *f = *state;
    struct store_device_put_result result;
    struct store_device device = device_of(f, "a", 1);

    device.key_count = STORE_DEVICE_KEYS_MAX + 1;
    assert_int_equal(device_put(f, &device, 1, false, &result), ERR_USAGE);
    assert_int_equal(device_put(f, NULL, STORE_DEVICES_MAX + 1, false, &result),
                     ERR_USAGE);
    assert_int_equal(device_put(f, NULL, 0, false, &result), ERR_OK);
}

static void a_device_is_removed(void **state)
{
    struct contract *f = *state;
    const struct store_identifier a = device_permanent("a");
    struct store_device_blocked blocked;
    struct store_device *was = NULL;

    assert_int_equal(store_device_remove(f->session, f->arena, &a, &was, &f->why),
                     ERR_NOT_FOUND);
    put_one(f, "a", 1);
    assert_int_equal(device_block(f, "a", CONTRACT_NOW, &blocked), ERR_OK);
    assert_int_equal(store_device_remove(f->session, f->arena, &a, &was, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_device_unblock(f->session, &a, &f->why), ERR_OK);
    assert_int_equal(store_device_unblock(f->session, &a, &f->why), ERR_NOT_FOUND);
    assert_int_equal(store_device_remove(f->session, f->arena, &a, &was, &f->why),
                     ERR_OK);
    assert_int_equal(was->key_count, 1);
    put_one(f, "b", 1); /* the key is free again */
    contract_settle(f);
}

static void the_last_proof_is_noted(void **state)
{
    struct contract *f = *state;
    struct store_order *order =
        contract_add_order(f, device_add_order(f, "z")->account_id, 1);
    struct store_attestation proof = {.format = 2, .at = CONTRACT_NOW + 9};
    const struct store_identifier a = device_permanent("a");

    put_one(f, "a", 0);
    put_one(f, "name0.example.test", 0); /* a name is not a device */
    assert_int_equal(store_attestation_finish(f->session, order->authzs[0].id, 5, NULL,
                                              &proof, &f->why),
                     ERR_OK);
    assert_int_equal(device_found(f, "name0.example.test")->attested, 0);
    order->authzs[0].identifier = a;
    order->identifiers = &a;
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    assert_int_equal(store_attestation_finish(f->session, order->authzs[0].id, 5, NULL,
                                              &proof, &f->why),
                     ERR_OK);
    assert_int_equal(device_found(f, "a")->attested, CONTRACT_NOW + 9);
    contract_settle(f);
}

int contract_devices(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(devices_are_kept_and_listed),
        CONTRACT_TEST(a_device_is_known_by_its_keys),
        CONTRACT_TEST(all_are_put_or_none),
        CONTRACT_TEST(a_dry_run_changes_nothing),
        CONTRACT_TEST(a_device_is_replaced),
        CONTRACT_TEST(too_much_is_refused),
        CONTRACT_TEST(a_device_is_removed),
        CONTRACT_TEST(the_last_proof_is_noted),
    };
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
