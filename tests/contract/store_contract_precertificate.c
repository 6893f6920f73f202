/* The store's contract: precertificates, and issuances that wait for their logs. */
#include "contract.h"

#include <string.h>

#include "server/store/store_precertificate.h"

static struct store_issuance begin(struct contract *f, struct store_order **order)
{
    bool existed = false;

    *order = contract_add_proved_order(f, contract_add_account(f, 1, &existed)->id, 1);
    struct store_issuance issuance = contract_issuance_for(*order, 1);
    assert_int_equal(store_issuance_begin(f->session, &issuance, &f->why), ERR_OK);
    return issuance;
}

static struct store_issuance *of_order(struct contract *f, int64_t id)
{
    struct store_order *row = NULL;

    assert_int_equal(store_order_by_id(f->session, f->arena, id, &row, &f->why), ERR_OK);
    return row->issuance;
}

static struct store_precertificate *of(struct contract *f, int64_t id)
{
    struct store_precertificate *row = NULL;

    enum err result = store_precertificate_of(f->session, f->arena, id, &row, &f->why);
    if (result != ERR_OK)
        assert_int_equal(result, ERR_NOT_FOUND);
    return row;
}

static size_t unfinished(struct contract *f)
{
    struct store_issuance *rows = NULL;
    size_t count = 0;

    assert_int_equal(
        store_issuances_unfinished(f->session, f->arena, 10, &rows, &count, &f->why),
        ERR_OK);
    return count;
}

/* Step by step, each once. */
static void to_a_certificate(void **state)
{
    struct contract *f = *state;
    struct store_order *order = NULL;
    struct store_issuance issuance = begin(f, &order);
    const int64_t id = issuance.id;

    assert_null(of(f, id));
    assert_int_equal(store_precertificate_stamp(f->session, id, span_of("f"), &f->why),
                     ERR_NOT_FOUND);
    assert_int_equal(
        store_precertificate_add(f->session, id + 1, span_of("pre"), &f->why),
        ERR_NOT_FOUND);
    assert_int_equal(store_precertificate_add(f->session, id, span_of("pre"), &f->why),
                     ERR_OK);
    assert_int_equal(store_precertificate_add(f->session, id, span_of("two"), &f->why),
                     ERR_CONFLICT);
    assert_true(span_is(of(f, id)->der, "pre"));
    assert_int_equal(of(f, id)->final.len, 0);
    contract_restart(f);
    assert_int_equal(unfinished(f), 1);
    assert_int_equal(
        store_precertificate_stamp(f->session, id, span_of("final"), &f->why), ERR_OK);
    assert_int_equal(
        store_precertificate_stamp(f->session, id, span_of("other"), &f->why),
        ERR_CONFLICT);
    contract_restart(f);
    assert_true(span_is(of(f, id)->final, "final"));
    assert_int_equal(
        store_issuance_finish(f->session, id, span_of("cert"), span_of("ca"), &f->why),
        ERR_OK);
    assert_int_equal(store_precertificate_suspend(f->session, id, &f->why), ERR_CONFLICT);
    assert_true(span_is(of(f, id)->der, "pre"));
    assert_true(of_order(f, order->id)->finished);
}

/* X-CT-3: it waits, and is known all the while. */
static void waits(void **state)
{
    struct contract *f = *state;
    struct store_order *order = NULL;
    struct store_issuance issuance = begin(f, &order);

    assert_int_equal(
        store_precertificate_add(f->session, issuance.id, span_of("pre"), &f->why),
        ERR_OK);
    assert_int_equal(store_precertificate_resume(f->session, &issuance, &f->why),
                     ERR_CONFLICT);
    assert_int_equal(store_precertificate_suspend(f->session, issuance.id, &f->why),
                     ERR_OK);
    assert_int_equal(store_precertificate_suspend(f->session, issuance.id, &f->why),
                     ERR_CONFLICT);
    contract_restart(f);
    assert_int_equal(unfinished(f), 0);
    assert_true(of_order(f, order->id)->waiting);
    assert_int_equal(
        store_precertificate_stamp(f->session, issuance.id, span_of("x"), &f->why),
        ERR_CONFLICT);
    assert_int_equal(store_issuance_finish(f->session, issuance.id, span_of("cert"),
                                           span_of("ca"), &f->why),
                     ERR_CONFLICT);
    memset(issuance.csr_hash, 9, sizeof issuance.csr_hash);
    assert_int_equal(store_precertificate_resume(f->session, &issuance, &f->why), ERR_OK);
    assert_int_equal(unfinished(f), 1);
    const struct store_issuance *row = of_order(f, order->id);
    assert_false(row->waiting);
    assert_memory_equal(row->csr_hash, issuance.csr_hash, sizeof row->csr_hash);
    assert_int_equal(store_precertificate_resume(f->session, &issuance, &f->why),
                     ERR_CONFLICT);
}

/* Another one takes its place; what was wrong with that changes nothing. */
static void makes_room(void **state)
{
    struct contract *f = *state;
    struct store_order *order = NULL;
    struct store_issuance issuance = begin(f, &order);
    struct store_issuance second = contract_issuance_for(order, 2);
    struct store_issuance same = contract_issuance_for(order, 1);

    assert_int_equal(
        store_precertificate_add(f->session, issuance.id, span_of("pre"), &f->why),
        ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &second, &f->why), ERR_CONFLICT);
    assert_int_equal(store_precertificate_suspend(f->session, issuance.id, &f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_begin(f->session, &same, &f->why), ERR_CONFLICT);
    assert_true(of_order(f, order->id)->waiting);
    assert_int_equal(store_issuance_begin(f->session, &second, &f->why), ERR_OK);
    assert_int_equal(of_order(f, order->id)->id, second.id);
    assert_int_equal(store_precertificate_resume(f->session, &issuance, &f->why),
                     ERR_CONFLICT);
    assert_true(span_is(of(f, issuance.id)->der, "pre"));
}

/* Who is revoked, or whose key is, gets nothing more. */
static void revoked(void **state)
{
    struct contract *f = *state;
    struct store_order *order = NULL;
    struct store_issuance issuance = begin(f, &order);
    const struct store_revocation revocation = {CONTRACT_NOW, STORE_REASON_NONE};

    assert_int_equal(
        store_precertificate_add(f->session, issuance.id, span_of("pre"), &f->why),
        ERR_OK);
    assert_int_equal(store_precertificate_suspend(f->session, issuance.id, &f->why),
                     ERR_OK);
    assert_int_equal(
        store_revoke(f->session, &issuance, &revocation, false, NULL, &f->why), ERR_OK);
    assert_int_equal(store_precertificate_resume(f->session, &issuance, &f->why),
                     ERR_CONFLICT);
}

/* What is revoked while it is being signed can only be given up. */
static void revoked_while_it_is_signed(void **state)
{
    struct contract *f = *state;
    struct store_order *order = NULL, *row = NULL;
    struct store_issuance issuance = begin(f, &order);
    const struct store_revocation revocation = {CONTRACT_NOW, STORE_REASON_NONE};
    const int64_t id = issuance.id;

    assert_int_equal(store_revocation_check(f->session, id, &f->why), ERR_OK);
    assert_int_equal(
        store_revoke(f->session, &issuance, &revocation, false, NULL, &f->why), ERR_OK);
    assert_int_equal(store_revocation_check(f->session, id, &f->why),
                     ERR_ALREADY_REVOKED);
    assert_int_equal(store_revocation_check(f->session, id + 1, &f->why), ERR_OK);
    /* signed is signed: it is kept */
    assert_int_equal(store_precertificate_add(f->session, id, span_of("pre"), &f->why),
                     ERR_OK);
    assert_int_equal(
        store_precertificate_stamp(f->session, id, span_of("final"), &f->why),
        ERR_ALREADY_REVOKED);
    assert_int_equal(of(f, id)->final.len, 0);
    assert_int_equal(
        store_issuance_finish(f->session, id, span_of("cert"), span_of("ca"), &f->why),
        ERR_ALREADY_REVOKED);
    assert_int_equal(unfinished(f), 1);
    assert_int_equal(store_issuance_refuse(f->session, id, "{\"no\":1}", &f->why),
                     ERR_OK);
    contract_restart(f);
    assert_int_equal(unfinished(f), 0);
    assert_int_equal(store_order_by_id(f->session, f->arena, order->id, &row, &f->why),
                     ERR_OK);
    assert_string_equal(row->error, "{\"no\":1}");
    assert_int_equal(store_revocation_check(f->session, id, &f->why),
                     ERR_ALREADY_REVOKED);
}

/* It is in use already: what is known of it is kept. */
static void revoked_of_the_ca(void **state)
{
    struct contract *f = *state;
    const struct store_order none = {0};
    struct store_issuance own = contract_issuance_for(&none, 1);
    const struct store_revocation revocation = {CONTRACT_NOW, STORE_REASON_NONE};

    assert_int_equal(store_issuance_begin_own(f->session, &own, 0, &f->why), ERR_OK);
    assert_int_equal(store_revoke(f->session, &own, &revocation, false, NULL, &f->why),
                     ERR_OK);
    assert_int_equal(store_revocation_check(f->session, own.id, &f->why), ERR_OK);
    assert_int_equal(store_issuance_finish(f->session, own.id, span_of("cert"),
                                           span_of("ca"), &f->why),
                     ERR_OK);
}

int contract_precertificates(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(to_a_certificate),
        CONTRACT_TEST(waits),
        CONTRACT_TEST(makes_room),
        CONTRACT_TEST(revoked),
        CONTRACT_TEST(revoked_while_it_is_signed),
        CONTRACT_TEST(revoked_of_the_ca),
    };
    return cmocka_run_group_tests_name("precertificates", tests, NULL, NULL);
}
