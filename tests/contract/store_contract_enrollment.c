/* The store's contract: enrolments of attestation keys that are under way. */
#include "device_parts.h"

#include "server/store/store_enrollment.h"

static struct store_enrollment enrollment_of(uint8_t mark, int64_t expires)
{
    struct store_enrollment e = {.expires = expires,
                                 .directory = "devices",
                                 .certified = true,
                                 .ak = span_of("an attestation key"),
                                 .manufacturer = "id:49424D00",
                                 .model = "swtpm",
                                 .version = "id:1"};

    memset(e.secret_hash, mark, sizeof e.secret_hash);
    memset(e.ek_hash, 7, sizeof e.ek_hash);
    return e;
}

static enum err add(struct contract *f, uint8_t mark, int64_t expires, int64_t now)
{
    const struct store_enrollment e = enrollment_of(mark, expires);

    return store_enrollment_add(f->session, &e, now, &f->why);
}

static enum err find(struct contract *f, uint8_t mark, int64_t now,
                     struct store_enrollment **row)
{
    const struct store_enrollment e = enrollment_of(mark, 0);

    return store_enrollment_find(f->session, f->arena, e.secret_hash, now, row, &f->why);
}

static struct store_issuance issuance_of(uint8_t mark)
{
    struct store_issuance issuance = {.serial_len = 8,
                                      .tbs = span_of("tbs"),
                                      .begun = CONTRACT_NOW,
                                      .not_after = CONTRACT_NOW + 1000};

    memset(issuance.serial, mark, issuance.serial_len);
    return issuance;
}

static enum err use(struct contract *f, uint8_t mark, const char *device,
                    struct store_issuance *issuance)
{
    const struct store_enrollment e = enrollment_of(mark, 0);
    const struct store_identifier name = device_permanent(device);

    return store_enrollment_use(f->session, e.secret_hash, issuance, &name, &f->why);
}

static void it_is_kept(void **state)
{
    struct contract *f = *state;
    struct store_enrollment *row = NULL;

    assert_int_equal(find(f, 1, CONTRACT_NOW, &row), ERR_NOT_FOUND);
    assert_int_equal(add(f, 1, CONTRACT_NOW + 10, CONTRACT_NOW), ERR_OK);
    assert_int_equal(add(f, 1, CONTRACT_NOW + 20, CONTRACT_NOW), ERR_CONFLICT);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(find(f, 1, CONTRACT_NOW + 9, &row), ERR_OK);
    assert_int_equal(row->expires, CONTRACT_NOW + 10);
    assert_string_equal(row->directory, "devices");
    assert_true(row->certified);
    assert_int_equal(row->ek_hash[31], 7);
    assert_true(span_is(row->ak, "an attestation key"));
    assert_string_equal(row->manufacturer, "id:49424D00");
    assert_string_equal(row->model, "swtpm");
    assert_string_equal(row->version, "id:1");
    assert_int_equal(find(f, 1, CONTRACT_NOW + 10, &row), ERR_NOT_FOUND);
    assert_int_equal(find(f, 2, CONTRACT_NOW, &row), ERR_NOT_FOUND);
}

static void what_expired_goes(void **state)
{
    struct contract *f = *state;
    struct store_enrollment *row = NULL;

    assert_int_equal(add(f, 1, CONTRACT_NOW + 10, CONTRACT_NOW), ERR_OK);
    assert_int_equal(add(f, 2, CONTRACT_NOW + 30, CONTRACT_NOW + 10), ERR_OK);
    /* a clock that is set back does not bring it again */
    assert_int_equal(find(f, 1, CONTRACT_NOW, &row), ERR_NOT_FOUND);
    assert_int_equal(find(f, 2, CONTRACT_NOW, &row), ERR_OK);
}

static void it_is_used_once(void **state)
{
    struct contract *f = *state;
    struct store_issuance one = issuance_of(1);
    struct store_issuance other = issuance_of(2);
    struct store_enrollment *row = NULL;
    struct store_found *rows = NULL;
    const struct store_identifier a = device_permanent("a");
    size_t count = 0;

    assert_int_equal(add(f, 1, CONTRACT_NOW + 10, CONTRACT_NOW), ERR_OK);
    assert_int_equal(use(f, 1, "a", &one), ERR_OK);
    assert_true(one.id > 0);
    assert_int_equal(use(f, 1, "a", &other), ERR_NOT_FOUND);
    assert_int_equal(find(f, 1, CONTRACT_NOW, &row), ERR_NOT_FOUND);
    contract_settle(f);
    assert_int_equal(
        store_device_issuances(f->session, f->arena, &a, 0, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].issuance.id, one.id);
}

static void a_blocked_device_uses_nothing(void **state)
{
    struct contract *f = *state;
    struct store_issuance issuance = issuance_of(1);
    struct store_device_blocked blocked = {0};
    struct store_enrollment *row = NULL;

    assert_int_equal(add(f, 1, CONTRACT_NOW + 10, CONTRACT_NOW), ERR_OK);
    assert_int_equal(device_block(f, "a", CONTRACT_NOW, &blocked), ERR_OK);
    assert_int_equal(use(f, 1, "a", &issuance), ERR_REJECTED_IDENTIFIER);
    assert_int_equal(find(f, 1, CONTRACT_NOW, &row), ERR_OK);
}

int contract_enrollments(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(it_is_kept),
        CONTRACT_TEST(what_expired_goes),
        CONTRACT_TEST(it_is_used_once),
        CONTRACT_TEST(a_blocked_device_uses_nothing),
    };

    return cmocka_run_group_tests_name("enrollments", tests, NULL, NULL);
}
