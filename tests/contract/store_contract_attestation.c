/* The store's contract: what devices attested. S-DA-9, S-DA-16. */
#include "contract.h"

#include <string.h>

#include "server/store/store_attestation.h"
#include "server/store/store_sweep.h"

#define DAY  86400
#define TYPE 5

static struct store_order *add_order(struct contract *f)
{
    bool existed = false;

    return contract_add_order(f, contract_add_account(f, 1, &existed)->id, 2);
}

static struct store_attestation made(uint8_t mark)
{
    struct store_attestation attestation = {.format = 2, .at = CONTRACT_NOW + 3};

    memset(attestation.key_hash, mark, sizeof attestation.key_hash);
    return attestation;
}

static enum err finish(struct contract *f, int64_t authz_id, uint8_t mark)
{
    const struct store_attestation attestation = made(mark);

    return store_attestation_finish(f->session, authz_id, TYPE, "{\"a\":1}", &attestation,
                                    &f->why);
}

static enum err find(struct contract *f, int64_t authz_id, struct store_attestation *row)
{
    return store_attestation_of(f->session, authz_id, row, &f->why);
}

static void it_comes_with_the_verdict(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const int64_t id = order->authzs[0].id;
    const struct store_attestation wanted = made(7);
    struct store_attestation row = {0};
    struct store_authz *authz = NULL;

    assert_int_equal(find(f, id, &row), ERR_NOT_FOUND);
    assert_int_equal(finish(f, id, 7), ERR_OK);
    contract_settle(f);
    contract_restart(f);
    assert_int_equal(find(f, id, &row), ERR_OK);
    assert_int_equal(row.format, wanted.format);
    assert_int_equal(row.at, wanted.at);
    assert_memory_equal(row.key_hash, wanted.key_hash, STORE_HASH_SIZE);
    assert_int_equal(find(f, order->authzs[1].id, &row), ERR_NOT_FOUND);
    assert_int_equal(store_authz_by_id(f->session, f->arena, id, &authz, &f->why),
                     ERR_OK);
    assert_int_equal(authz->verdict, STORE_VERDICT_VALID);
    assert_int_equal(authz->attempt_type, TYPE);
    assert_int_equal(authz->attempt_begun, wanted.at);
    assert_int_equal(authz->attempt_finished, wanted.at);
    assert_string_equal(authz->record, "{\"a\":1}");
}

/* What is refused leaves nothing behind. */
static void a_verdict_stands(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const int64_t valid = order->authzs[0].id;
    const int64_t invalid = order->authzs[1].id;
    struct store_attestation row = {0};

    assert_int_equal(finish(f, 999, 1), ERR_NOT_FOUND);
    assert_int_equal(find(f, 999, &row), ERR_NOT_FOUND);
    assert_int_equal(finish(f, valid, 1), ERR_OK);
    assert_int_equal(finish(f, valid, 2), ERR_CONFLICT);
    assert_int_equal(find(f, valid, &row), ERR_OK);
    assert_int_equal(row.key_hash[0], 1);
    assert_int_equal(store_attempt_finish(f->session, invalid, TYPE,
                                          STORE_VERDICT_INVALID, "{}", NULL, CONTRACT_NOW,
                                          &f->why),
                     ERR_OK);
    assert_int_equal(finish(f, invalid, 3), ERR_CONFLICT);
    assert_int_equal(find(f, invalid, &row), ERR_NOT_FOUND);
    const struct store_order *other = add_order(f);
    assert_int_equal(
        store_authz_deactivate(f->session, other->authzs[0].id, CONTRACT_NOW, &f->why),
        ERR_OK);
    assert_int_equal(finish(f, other->authzs[0].id, 4), ERR_CONFLICT);
    assert_int_equal(find(f, other->authzs[0].id, &row), ERR_NOT_FOUND);
}

static void it_goes_with_its_authorization(void **state)
{
    struct contract *f = *state;
    const struct store_order *order = add_order(f);
    const struct store_order *kept = add_order(f); /* the newest stays */
    const struct store_sweep_limits limits = {
        .order_retention = 400 * DAY, .authz_retention = DAY, .rows = 100};
    struct store_sweep sweep = {.clock = order->expires + DAY};
    struct store_sweep_result done = {0};
    struct store_attestation row = {0};

    assert_int_equal(finish(f, order->authzs[0].id, 1), ERR_OK);
    assert_int_equal(finish(f, kept->authzs[1].id, 2), ERR_OK);
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &done, &f->why),
                     ERR_OK);
    assert_int_equal(done.authzs, 0);
    assert_int_equal(find(f, order->authzs[0].id, &row), ERR_OK);
    sweep = (struct store_sweep){.clock = order->expires + 400 * DAY};
    assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &done, &f->why),
                     ERR_OK);
    assert_int_equal(done.authzs, 3);
    assert_int_equal(find(f, order->authzs[0].id, &row), ERR_NOT_FOUND);
    assert_int_equal(find(f, kept->authzs[1].id, &row), ERR_OK);
}

int contract_attestation(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(it_comes_with_the_verdict),
        CONTRACT_TEST(a_verdict_stands),
        CONTRACT_TEST(it_goes_with_its_authorization),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
