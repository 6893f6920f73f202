/* Tests of server/order/device: who may enrol, and by which keys devices are known. */
#include "server/order/device.h"

#include <string.h>

#include "server/store/store_device.h"
#include "server/store_fixture.h"

#define NOW 1790000000

static int set_up(void **state)
{
    *state = store_fixture_new();
    return 0;
}

static int tear_down(void **state)
{
    store_fixture_free(*state);
    return 0;
}

static struct store_device_key key_of(enum attest_known_kind kind, uint8_t mark)
{
    struct store_device_key key = {.kind = (int)kind};

    memset(key.sha256, mark, sizeof key.sha256);
    return key;
}

static void add(struct store_fixture *f, const char *value, int64_t external_key,
                const struct store_device_key *keys, size_t count)
{
    const struct store_device device = {
        .identifier = {IDENTIFIER_PERMANENT_IDENTIFIER, value},
        .label = "",
        .reason = "",
        .external_key = external_key,
        .keys = keys,
        .key_count = count};
    const struct store_device_putting putting = {.now = NOW};
    struct store_device_put_result result;

    assert_int_equal(
        store_device_put(f->session, f->arena, &device, 1, &putting, &result, &f->why),
        ERR_OK);
}

/* Devices that are named A: anybody's, B: of external key 7, C: blocked. */
static void who_may_enrol(void **state)
{
    static const struct {
        const char *value;
        bool directory_known, profile_known;
        int64_t external_key;
        const char *says; /* NULL: it may */
    } rows[] = {
        {"A", false, false, 0, NULL},
        {"A", true, true, 9, NULL},
        {"a", false, false, 0, NULL},
        {"a", true, false, 0, "\"a\" is not in the inventory"},
        {"a", false, true, 0, "\"a\" is not in the inventory"},
        {"B", false, false, 7, NULL},
        {"B", true, false, 7, NULL},
        {"B", false, false, 0, "\"B\" is not for this account"},
        {"B", false, false, 8, "\"B\" is not for this account"},
        {"C", false, false, 0, "\"C\" is blocked"},
        {"C", true, false, 0, "\"C\" is blocked"},
    };
    struct store_fixture *f = *state;
    const struct store_identifier c = {IDENTIFIER_PERMANENT_IDENTIFIER, "C"};
    struct store_device_blocked blocked;

    add(f, "A", 0, NULL, 0);
    add(f, "B", 7, NULL, 0);
    assert_int_equal(
        store_device_block(f->session, &c, "", 9, NOW, NULL, &blocked, &f->why), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct settings_directory directory = {.known_devices =
                                                         rows[i].directory_known};
        const struct settings_profile profile = {.known_devices = rows[i].profile_known};
        const struct device_scope scope = {&directory, &profile, rows[i].external_key};
        const struct identifier list[] = {
            {IDENTIFIER_DNS, rows[i].value}, /* no device, whatever it is called */
            {IDENTIFIER_PERMANENT_IDENTIFIER, rows[i].value}};
        struct err_info why = {0};
        enum err result = device_check(f->session, f->arena, &scope, list, 2, &why);
        if (result != (rows[i].says == NULL ? ERR_OK : ERR_REJECTED_IDENTIFIER) ||
            (rows[i].says != NULL && strstr(why.detail, rows[i].says) == NULL))
            fail_msg("row %zu: %s", i, why.detail);
        assert_true((why.subproblems != NULL) == (rows[i].says != NULL));
    }
    const struct settings_directory known = {.known_devices = true};
    const struct device_scope no_profile = {&known, NULL, 0};
    const struct identifier both[] = {{IDENTIFIER_PERMANENT_IDENTIFIER, "C"},
                                      {IDENTIFIER_HARDWARE_MODULE, "A/1.2"}};
    struct err_info why = {0};
    assert_int_equal(device_check(f->session, f->arena, &no_profile, both, 2, &why),
                     ERR_REJECTED_IDENTIFIER);
    assert_non_null(strstr(why.detail, "and 1 more"));
    assert_non_null(strstr(why.subproblems, "\"hardware-module\""));
    assert_int_equal(store_fixture_settle(f), ERR_OK);
}

static void keys_are_known(void **state)
{
    struct store_fixture *f = *state;
    const struct store_device_key keys[] = {key_of(ATTEST_KNOWN_AK, 2),
                                            key_of(ATTEST_KNOWN_EK, 1)};
    const struct identifier a = {IDENTIFIER_PERMANENT_IDENTIFIER, "A"};
    const struct identifier b = {IDENTIFIER_PERMANENT_IDENTIFIER, "B"};
    const struct identifier name = {IDENTIFIER_DNS, "A"};
    const struct attest_known *known = NULL;
    size_t count = 0;

    add(f, "A", 0, keys, 2);
    assert_int_equal(device_known(f->session, f->arena, &a, &known, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(known[0].kind, ATTEST_KNOWN_EK);
    assert_int_equal(known[0].sha256[31], 1);
    assert_int_equal(known[1].kind, ATTEST_KNOWN_AK);
    assert_int_equal(device_known(f->session, f->arena, &b, &known, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(device_known(f->session, f->arena, &name, &known, &count, &f->why),
                     ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_fixture_settle(f), ERR_OK);
}

/* Other kinds say nothing about the attested key. */
static void an_attested_key_is_one_of_those_named(void **state)
{
    struct attest_known known[] = {{.kind = ATTEST_KNOWN_EK}, {.kind = ATTEST_KNOWN_KEY}};
    uint8_t key[HASH_SHA256_SIZE];
    struct err_info why = {0};
    (void)state;

    memset(key, 5, sizeof key);
    memset(known[0].sha256, 5, HASH_SHA256_SIZE);
    memset(known[1].sha256, 6, HASH_SHA256_SIZE);
    assert_int_equal(device_check_key(known, 0, key, &why), ERR_OK);
    assert_int_equal(device_check_key(known, 1, key, &why), ERR_OK);
    assert_int_equal(device_check_key(known, 2, key, &why),
                     ERR_BAD_ATTESTATION_STATEMENT);
    memset(known[1].sha256, 5, HASH_SHA256_SIZE);
    assert_int_equal(device_check_key(known, 2, key, &why), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_may_enrol, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_known, set_up, tear_down),
        cmocka_unit_test(an_attested_key_is_one_of_those_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
