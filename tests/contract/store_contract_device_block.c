/* The store's contract: what blocking a device takes away. */
#include "device_parts.h"
#include "server/store/store_star.h"
#include "server/store/store_sweep.h"

#define DAY 86400

static struct store_issuance issue(struct contract *f, const struct store_order *order,
                                   uint8_t mark)
{
    struct store_issuance issuance = contract_issuance_for(order, mark);

    memset(issuance.key_hash, mark, sizeof issuance.key_hash);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    return issuance;
}

static int reason_of(struct contract *f, const struct store_issuance *issuance)
{
    struct store_found *row = NULL;

    assert_int_equal(
        store_search_serial(f->session, f->arena,
                            span_make(issuance->serial, issuance->serial_len), &row,
                            &f->why),
        ERR_OK);
    return row->revocation.at != 0 ? row->revocation.reason : STORE_REASON_NONE;
}

/* Certificates of a device are those of its orders, whatever the certificate says. */
static void blocking_takes_everything(void **state)
{
    struct contract *f = *state;
    struct store_device_blocked blocked = {0};
    struct store_authz *authz = NULL;
    struct store_found *rows = NULL;
    const struct store_identifier a = device_permanent("a");
    size_t count = 0;

    const struct store_order *first = device_add_order(f, "a");
    const struct store_order *second = device_add_order(f, "a");
    const struct store_order *other = device_add_order(f, "b");
    const struct store_issuance finished = issue(f, first, 1);
    const struct store_issuance begun = issue(f, second, 2);
    const struct store_issuance others = issue(f, other, 3);
    assert_int_equal(store_issuance_finish(f->session, finished.id, span_of("der"),
                                           span_of("issuers"), &f->why),
                     ERR_OK);
    struct store_issuance own = contract_issuance_for(first, 4);
    assert_int_equal(store_device_issuance_begin(f->session, &own, &a, &f->why), ERR_OK);
    assert_int_equal(
        store_device_issuances(f->session, f->arena, &a, 0, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(rows[2].issuance.id, own.id);
    assert_int_equal(device_block(f, "a", CONTRACT_NOW + 5, &blocked), ERR_OK);
    contract_settle(f);
    contract_restart(f);
    assert_false(blocked.before);
    assert_int_equal(blocked.authorizations, 2);
    assert_int_equal(blocked.revoked.revoked, 3);
    assert_int_equal(reason_of(f, &finished), WITHDRAWN);
    assert_int_equal(reason_of(f, &begun), WITHDRAWN);
    assert_int_equal(reason_of(f, &own), WITHDRAWN);
    assert_int_equal(reason_of(f, &others), STORE_REASON_NONE);
    assert_int_equal(
        store_authz_by_id(f->session, f->arena, first->authzs[1].id, &authz, &f->why),
        ERR_OK);
    assert_int_equal(authz->deactivated, CONTRACT_NOW + 5);
    assert_int_equal(
        store_authz_by_id(f->session, f->arena, first->authzs[0].id, &authz, &f->why),
        ERR_OK);
    assert_int_equal(authz->deactivated, 0); /* of the name */
    /* it was not in the inventory, and is now */
    assert_int_equal(device_found(f, "a")->blocked, CONTRACT_NOW + 5);
    assert_string_equal(device_found(f, "a")->reason, "lost");
    assert_int_equal(device_count_of(f, true), 1);
    assert_int_equal(device_count_of(f, false), 1);
}

static void nothing_begins_for_a_blocked_device(void **state)
{
    struct contract *f = *state;
    struct store_device_blocked blocked = {0};
    const struct store_identifier a = device_permanent("a");

    const struct store_order *order = device_add_order(f, "a");
    const struct store_order *other = device_add_order(f, "b");
    struct store_issuance issuance = contract_issuance_for(order, 1);
    struct store_issuance own = contract_issuance_for(order, 2);
    assert_int_equal(device_block(f, "a", CONTRACT_NOW, &blocked), ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why),
                     ERR_REJECTED_IDENTIFIER);
    assert_non_null(strstr(f->why.detail, "\"a\" is blocked"));
    assert_int_equal(store_device_issuance_begin(f->session, &own, &a, &f->why),
                     ERR_REJECTED_IDENTIFIER);
    (void)issue(f, other, 3);
    assert_int_equal(store_device_unblock(f->session, &a, &f->why), ERR_OK);
    /* the authorization stays away */
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_CONFLICT);
    assert_int_equal(store_device_issuance_begin(f->session, &own, &a, &f->why), ERR_OK);
    contract_settle(f);
}

/* What renews itself must end, which ERR_UNAUTHORIZED says. */
static void what_renews_itself_ends(void **state)
{
    struct contract *f = *state;
    struct store_device_blocked blocked = {0};
    struct store_star star = {
        .start = CONTRACT_NOW, .end = CONTRACT_NOW + 1000, .lifetime = 100};
    struct store_star_step first = {
        .first = CONTRACT_NOW, .due = CONTRACT_NOW + 50, .spki = span_of("spki")};
    struct store_star_step next = {.seen = CONTRACT_NOW + 50, .due = CONTRACT_NOW + 100};

    struct store_order *order = device_add_order(f, "a");
    order->star = &star;
    assert_int_equal(store_order_add(f->session, order, &f->why), ERR_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(store_attempt_finish(f->session, order->authzs[i].id, (int)i * 5,
                                              STORE_VERDICT_VALID, NULL, NULL,
                                              CONTRACT_NOW, &f->why),
                         ERR_OK);
    struct store_issuance issuance = contract_issuance_for(order, 1);
    issuance.star = &first;
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, issuance.id, span_of("der"),
                                           span_of("issuers"), &f->why),
                     ERR_OK);
    assert_int_equal(device_block(f, "a", CONTRACT_NOW, &blocked), ERR_OK);
    struct store_issuance renewal = contract_issuance_for(order, 2);
    renewal.star = &next;
    assert_int_equal(store_issuance_begin(f->session, &renewal, &f->why),
                     ERR_UNAUTHORIZED);
    assert_non_null(strstr(f->why.detail, "blocked"));
    contract_settle(f);
}

/* Blocked twice: time and reason stay, and what came in between goes. */
static void blocking_again_takes_the_rest(void **state)
{
    struct contract *f = *state;
    struct store_device_blocked blocked = {0};
    const struct store_identifier a = device_permanent("a");

    assert_int_equal(device_block(f, "a", CONTRACT_NOW, &blocked), ERR_OK);
    assert_int_equal(blocked.revoked.revoked, 0);
    (void)device_add_order(f, "a");
    assert_int_equal(store_device_block(f->session, &a, "again", WITHDRAWN,
                                        CONTRACT_NOW + 1, NULL, &blocked, &f->why),
                     ERR_OK);
    assert_true(blocked.before);
    assert_int_equal(blocked.authorizations, 1);
    assert_int_equal(device_found(f, "a")->blocked, CONTRACT_NOW);
    assert_string_equal(device_found(f, "a")->reason, "lost");
    contract_settle(f);
}

/* More than are looked at together; what has expired stays as it is. */
static void many_certificates_are_revoked(void **state)
{
    struct contract *f = *state;
    struct store_device_blocked blocked = {0};
    const struct store_identifier a = device_permanent("a");

    const struct store_order *order = device_add_order(f, "a");
    for (size_t i = 0; i < 250; i++) {
        struct store_issuance own = contract_issuance_for(order, 1);
        own.serial[0] = (uint8_t)i;
        own.not_after = i < 10 ? CONTRACT_NOW + 1 : CONTRACT_NOW + 90;
        assert_int_equal(store_device_issuance_begin(f->session, &own, &a, &f->why),
                         ERR_OK);
    }
    assert_int_equal(device_block(f, "a", CONTRACT_NOW + 5, &blocked), ERR_OK);
    assert_int_equal(blocked.revoked.revoked, 240);
    contract_settle(f);
}

/* A list of another CA: who is blocked there is blocked here, with all that follows. */
static void a_device_may_come_blocked(void **state)
{
    struct contract *f = *state;
    struct store_device device = device_of(f, "a", 1);
    struct store_device_put_result result;

    const struct store_issuance issuance = issue(f, device_add_order(f, "a"), 1);
    device.blocked = CONTRACT_NOW - 100;
    device.reason = "stolen";
    assert_int_equal(device_put(f, &device, 1, false, &result), ERR_OK);
    assert_int_equal(device_found(f, "a")->blocked, CONTRACT_NOW - 100);
    assert_string_equal(device_found(f, "a")->reason, "stolen");
    assert_int_equal(device_found(f, "a")->key_count, 1);
    assert_int_equal(reason_of(f, &issuance), WITHDRAWN);
    contract_settle(f);
}

/* Housekeeping takes what is known of orders with them. */
static void orders_that_are_gone_are_forgotten(void **state)
{
    struct contract *f = *state;
    const struct store_sweep_limits limits = {
        .order_retention = DAY, .authz_retention = DAY, .rows = 100};
    struct store_sweep sweep = {.clock = CONTRACT_NOW + 10 * DAY};
    struct store_sweep_result result = {0};
    const struct store_identifier a = device_permanent("a");
    struct store_found *rows = NULL;
    size_t count = 0;

    const struct store_order *order = device_add_order(f, "a");
    struct store_issuance issuance = issue(f, order, 1);
    (void)device_add_order(f, "b"); /* the newest stays */
    assert_int_equal(store_issuance_finish(f->session, issuance.id, span_of("der"),
                                           span_of("issuers"), &f->why),
                     ERR_OK);
    assert_int_equal(
        store_device_issuances(f->session, f->arena, &a, 0, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    while (!result.round_over) {
        assert_int_equal(store_sweep_step(f->session, &sweep, &limits, &result, &f->why),
                         ERR_OK);
    }
    assert_int_equal(
        store_device_issuances(f->session, f->arena, &a, 0, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 0);
    contract_settle(f);
}

int contract_device_blocks(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(blocking_takes_everything),
        CONTRACT_TEST(nothing_begins_for_a_blocked_device),
        CONTRACT_TEST(what_renews_itself_ends),
        CONTRACT_TEST(blocking_again_takes_the_rest),
        CONTRACT_TEST(many_certificates_are_revoked),
        CONTRACT_TEST(a_device_may_come_blocked),
        CONTRACT_TEST(orders_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests_name("blocked devices", tests, NULL, NULL);
}
