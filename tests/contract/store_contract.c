/* The store's contract: what every backend must do. Here the objects, one by one; limits,
 * order, batches and restarts are in store_contract_facts.c and store_contract_batch.c.
 */
#include "contract.h"

#include <pthread.h>
#include <string.h>

static void account_is_kept_and_found(void **state)
{
    struct contract *f = *state;
    struct store_account *found = NULL;
    bool existed = true;
    struct store_account *made = contract_add_account(f, 1, &existed);

    assert_false(existed);
    assert_int_equal(store_account_by_id(f->session, f->arena, made->id, &found, &f->why),
                     ERR_OK);
    assert_string_equal(found->jwk, "{\"kty\":\"EC\"}");
    assert_int_equal(found->status, STORE_ACCOUNT_VALID);
    assert_int_equal(store_account_by_thumbprint(f->session, f->arena, "default",
                                                 made->thumbprint, &found, &f->why),
                     ERR_OK);
    assert_int_equal(found->id, made->id);
    assert_int_equal(contract_add_account(f, 1, &existed)->id, made->id);
    assert_true(existed);
    assert_int_equal(store_account_by_id(f->session, f->arena, 999, &found, &f->why),
                     ERR_NOT_FOUND);
}

static void account_changes(void **state)
{
    struct contract *f = *state;
    struct store_account *row = NULL;
    bool existed;
    int64_t id = contract_add_account(f, 1, &existed)->id;

    const struct store_account_change contacts = {.contacts = "[\"mailto:a@b.test\"]"};
    const struct store_account_change terms = {.terms = "https://a.test/2",
                                               .terms_at = CONTRACT_NOW + 7};

    assert_int_equal(store_account_update(f->session, id, &contacts, &f->why), ERR_OK);
    assert_int_equal(store_account_update(f->session, id, &terms, &f->why), ERR_OK);
    contract_settle(f);
    assert_int_equal(store_account_by_id(f->session, f->arena, id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->contacts, "[\"mailto:a@b.test\"]");
    assert_true(row->terms_agreed);
    assert_string_equal(row->terms, "https://a.test/2");
    assert_int_equal(row->terms_at, CONTRACT_NOW + 7);
    contract_deactivate_account(f, id);
    contract_settle(f);
    assert_int_equal(store_account_by_id(f->session, f->arena, id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->contacts, "[\"mailto:a@b.test\"]");
    assert_true(row->terms_agreed);
    assert_string_equal(row->terms, "https://a.test/2");
    assert_int_equal(row->terms_at, CONTRACT_NOW + 7);
    assert_int_equal(row->status, STORE_ACCOUNT_DEACTIVATED);
    assert_int_equal(store_account_update(f->session, id, &contacts, &f->why),
                     ERR_UNAUTHORIZED);
    assert_int_equal(store_account_update(f->session, 77, &contacts, &f->why),
                     ERR_NOT_FOUND);
}

static void order_comes_back_whole(void **state)
{
    struct contract *f = *state;
    struct store_order *row = NULL;
    bool existed;
    struct store_order *order = contract_add_order(
        f, contract_add_account(f, 1, &existed)->id, STORE_ORDER_MAX_IDENTIFIERS);

    contract_close_store(f);
    contract_open_store(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->identifier_count, STORE_ORDER_MAX_IDENTIFIERS);
    assert_int_equal(row->authz_count, STORE_ORDER_MAX_IDENTIFIERS);
    for (size_t i = 0; i < row->authz_count; i++) {
        assert_string_equal(row->identifiers[i].value, order->identifiers[i].value);
        assert_string_equal(row->authzs[i].identifier.value, order->identifiers[i].value);
        assert_int_equal(row->authzs[i].id, order->authzs[i].id);
        assert_int_equal(row->authzs[i].attempt_type, -1);
        assert_memory_equal(row->authzs[i].seed, order->authzs[i].seed, STORE_SEED_SIZE);
    }
    assert_null(row->issuance);
    assert_null(row->error);
}

static void order_needs_a_valid_account(void **state)
{
    struct contract *f = *state;
    struct store_identifier name = {0, "a.example.test"};
    struct store_authz authz = {.identifier = name};
    struct store_order order = {.account_id = 5,
                                .profile = "",
                                .identifiers = &name,
                                .identifier_count = 1,
                                .authzs = &authz};

    assert_int_equal(store_order_add(f->session, &order, &f->why), ERR_NOT_FOUND);
}

static void attempt_has_one_verdict(void **state)
{
    struct contract *f = *state;
    struct store_authz *rows = NULL;
    size_t count = 0;
    bool existed;
    int64_t id =
        contract_add_order(f, contract_add_account(f, 1, &existed)->id, 1)->authzs[0].id;

    assert_int_equal(store_attempt_begin(f->session, id, 0, CONTRACT_NOW, &f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_begin(f->session, id, 0, CONTRACT_NOW, &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    assert_int_equal(
        store_attempts_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, id);
    assert_int_equal(store_attempt_finish(f->session, id, 1, STORE_VERDICT_VALID, NULL,
                                          NULL, CONTRACT_NOW, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_attempt_finish(f->session, id, 0, STORE_VERDICT_INVALID, "{}",
                                          "[]", CONTRACT_NOW + 1, &f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_finish(f->session, id, 0, STORE_VERDICT_VALID, NULL,
                                          NULL, CONTRACT_NOW, &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    assert_int_equal(store_authz_by_id(f->session, f->arena, id, &rows, &f->why), ERR_OK);
    assert_int_equal(rows->verdict, STORE_VERDICT_INVALID);
    assert_string_equal(rows->error, "{}");
    assert_string_equal(rows->record, "[]");
    assert_int_equal(
        store_attempts_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store_attempt_begin(f->session, 12345, 0, CONTRACT_NOW, &f->why),
                     ERR_NOT_FOUND);
}

static void issuance_is_single(void **state)
{
    struct contract *f = *state;
    struct store_issuance *rows = NULL;
    struct store_order *row = NULL;
    size_t count = 0;
    bool existed;
    int64_t account = contract_add_account(f, 1, &existed)->id;
    struct store_order *order = contract_add_proved_order(f, account, 1);
    struct store_issuance first = contract_issuance_for(order, 1);
    struct store_issuance again = contract_issuance_for(order, 2);
    struct store_issuance same_serial =
        contract_issuance_for(contract_add_proved_order(f, account, 1), 1);

    assert_int_equal(store_issuance_begin(f->session, &first, &f->why), ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &again, &f->why), ERR_CONFLICT);
    assert_int_equal(store_issuance_begin(f->session, &same_serial, &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    assert_int_equal(
        store_issuances_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_true(span_is(rows[0].tbs, "tbs"));
    assert_int_equal(store_issuance_finish(f->session, first.id, span_of("cert"),
                                           span_of("chain"), &f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, first.id, span_of("x"),
                                           span_of("chain"), &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_issuance_abandon(f->session, first.id, &f->why), ERR_CONFLICT);
    assert_int_equal(store_order_fail(f->session, order->id, "{}", &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, first.id, &rows, &f->why), ERR_OK);
    assert_true(span_is(rows->certificate, "cert"));
    assert_true(span_is(rows->issuers, "chain"));
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_true(row->issuance->finished);
}

static void abandoned_issuance_makes_room(void **state)
{
    struct contract *f = *state;
    struct store_order *row = NULL;
    struct store_issuance *certificate = NULL;
    bool existed;
    struct store_order *order =
        contract_add_proved_order(f, contract_add_account(f, 1, &existed)->id, 1);
    struct store_issuance first = contract_issuance_for(order, 1);
    struct store_issuance second = contract_issuance_for(order, 2);

    assert_int_equal(store_issuance_begin(f->session, &first, &f->why), ERR_OK);
    assert_int_equal(store_issuance_abandon(f->session, first.id, &f->why), ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &second, &f->why), ERR_OK);
    contract_settle(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_int_equal(row->issuance->id, second.id);
    assert_int_equal(
        store_certificate_by_id(f->session, f->arena, second.id, &certificate, &f->why),
        ERR_NOT_FOUND);
    assert_int_equal(store_order_fail(f->session, order->id, "{\"type\":\"x\"}", &f->why),
                     ERR_OK);
    assert_int_equal(store_order_fail(f->session, order->id, "{}", &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->error, "{\"type\":\"x\"}");
}

struct racer {
    struct contract *f;
    int64_t id;
};

static void *race(void *argument)
{
    struct racer *r = argument;
    struct store_session *session = NULL;
    struct arena *a = arena_new();
    struct store_account fresh = {
        .directory = "default", .jwk = "{}", .contacts = "[]", .created = CONTRACT_NOW};
    struct store_account *row = NULL;
    struct err_info why = {0};
    bool existed;

    if (store_session_open(r->f->store, &session, &why) == ERR_OK &&
        store_account_add(session, a, &fresh, &existed, &row, &why) == ERR_OK &&
        store_wait(r->f->store, store_session_ticket(session), &why) == ERR_OK)
        r->id = row->id;
    store_session_close(session);
    arena_free(a);
    return NULL;
}

static void racing_accounts_become_one(void **state)
{
    struct racer racers[8];
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++) {
        racers[i].f = *state;
        racers[i].id = -1;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(racers[i].id, racers[0].id);
    assert_true(racers[0].id > 0);
}

static void settings_are_added_once(void **state)
{
    struct contract *f = *state;
    struct span value = {0};

    assert_int_equal(store_setting_get(f->session, f->arena, "key", &value, &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(store_setting_add(f->session, "key", span_of("one"), &f->why),
                     ERR_OK);
    assert_int_equal(store_setting_add(f->session, "key", span_of("two"), &f->why),
                     ERR_CONFLICT);
    contract_settle(f);
    assert_int_equal(store_setting_get(f->session, f->arena, "key", &value, &f->why),
                     ERR_OK);
    assert_true(span_is(value, "one"));
    assert_int_equal(store_check(f->session, &f->why), ERR_OK);
}

static void one_store_one_process(void **state)
{
    struct contract *f = *state;
    struct store *second = NULL;

    assert_int_equal(store_open(f->where, &second, &f->why), ERR_STORE);
    assert_non_null(strstr(f->why.detail, "in use"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(account_is_kept_and_found),
        CONTRACT_TEST(account_changes),
        CONTRACT_TEST(order_comes_back_whole),
        CONTRACT_TEST(order_needs_a_valid_account),
        CONTRACT_TEST(attempt_has_one_verdict),
        CONTRACT_TEST(issuance_is_single),
        CONTRACT_TEST(abandoned_issuance_makes_room),
        CONTRACT_TEST(racing_accounts_become_one),
        CONTRACT_TEST(settings_are_added_once),
        CONTRACT_TEST(one_store_one_process),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += contract_facts();
    failed += contract_batches();
    failed += contract_notes();
    failed += contract_endings();
    failed += contract_crl();
    failed += contract_keys();
    failed += contract_star();
    failed += contract_attestation();
    failed += contract_devices();
    failed += contract_device_blocks();
    failed += contract_enrollments();
    failed += contract_caa();
    failed += contract_evidence();
    failed += contract_sweep();
    failed += contract_external();
    failed += contract_renewal();
    failed += contract_limits();
    failed += contract_reuse();
    failed += contract_search();
    failed += contract_subdomains();
    failed += contract_precertificates();
    return failed > 0;
}
