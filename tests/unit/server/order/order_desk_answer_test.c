/* Tests of server/order/order_desk_answer: what becomes of answers. */
#include "desk_world.h"

#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "server/order/order_state.h"

static void a_bad_verdict_is_kept_with_its_reason(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    order_desk_verdict(w->desk, authz->id, false, "{\"type\":\"dns\"}", NULL);
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_INVALID);
    assert_string_equal(desk_world_authz_of(w, authz->id)->error, "{\"type\":\"dns\"}");
}

/* S-DNSP-7: a record may end sooner than the authorization would. */
static void a_proof_that_ends(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;
    int64_t before = authz->expires;

    order_desk_proof_ends(w->desk, authz->id, 1); /* nobody asked yet */
    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    order_desk_proof_ends(w->desk, authz->id, before - 100);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
    assert_true(desk_world_authz_of(w, authz->id)->expires == before - 100);
}

/* S-RETRY-3: each query that failed is shown, the last of them on top, until there is a
 * verdict. */
static void troubles_add_up(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;
    int64_t seconds = 0;

    order_desk_trouble(w->desk, authz->id, "{\"type\":\"early\"}", 5);
    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    assert_null(order_desk_troubles(w->desk, w->f->arena, authz->id, &seconds));
    order_desk_trouble(w->desk, authz->id, "{\"type\":\"a\"}", 500);
    assert_string_equal(order_desk_troubles(w->desk, w->f->arena, authz->id, &seconds),
                        "{\"type\":\"a\",\"subproblems\":[{\"type\":\"a\"}]}");
    assert_int_equal(seconds, 1);
    order_desk_trouble(w->desk, authz->id, "{\"type\":\"b\"}", 60500);
    assert_string_equal(
        order_desk_troubles(w->desk, w->f->arena, authz->id, &seconds),
        "{\"type\":\"b\",\"subproblems\":[{\"type\":\"a\"},{\"type\":\"b\"}]}");
    assert_in_range(seconds, 2, 61); /* after the next query, whenever this is read */
    for (int i = 0; i < 100; i++)
        order_desk_trouble(w->desk, authz->id, "{\"type\":\"c\"}", 1);
    assert_true(strlen(order_desk_troubles(w->desk, w->f->arena, authz->id, &seconds)) <
                1000);
    order_desk_verdict(w->desk, authz->id, false, "{\"type\":\"d\"}", NULL);
    assert_true(desk_world_validations_land(w));
    assert_null(order_desk_troubles(w->desk, w->f->arena, authz->id, &seconds));
    order_desk_trouble(w->desk, authz->id, "{\"type\":\"late\"}", 5);
    assert_string_equal(desk_world_authz_of(w, authz->id)->error, "{\"type\":\"d\"}");
}

static void a_verdict_that_comes_second_changes_nothing(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    assert_int_equal(store_attempt_finish(w->f->session, authz->id, CHALLENGE_HTTP_01,
                                          STORE_VERDICT_INVALID, "{}", NULL, 5,
                                          &w->f->why),
                     ERR_OK);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_INVALID);
}

static void a_signature_becomes_a_certificate(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);
    struct store_issuance second = desk_world_issuance_of(order, 2);
    struct store_issuance *row = NULL;

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &second, &w->f->why),
                     ERR_CONFLICT);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
    assert_int_equal(w->asked.sign_ids[0], issuance.id);
    assert_string_equal(w->asked.tbs, TBS);
    order_desk_signed(w->desk, 999, span_of("nobody asked"));
    order_desk_signed(w->desk, issuance.id, span_of(CERTIFICATE));
    order_desk_refused(w->desk, issuance.id, "{}"); /* comes too late */
    assert_true(desk_world_issuances_land(w));
    assert_int_equal(store_certificate_by_id(w->f->session, w->f->arena, issuance.id,
                                             &row, &w->f->why),
                     ERR_OK);
    assert_true(span_is(row->certificate, CERTIFICATE));
    assert_true(span_is(row->issuers, "issuers"));
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &second, &w->f->why),
                     ERR_CONFLICT);
    assert_true(desk_world_issuances_land(w));
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
}

static void another_certificate_fails_the_order(void **state)
{
    static const char *const wrong[] = {OTHER_CERTIFICATE, TBS, "certificate", ""};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct store_order *order =
            store_fixture_proved_order(w->f, w->account, "a.test");
        struct store_issuance issuance = desk_world_issuance_of(order, (uint8_t)(i + 1));
        struct store_issuance *row = NULL;
        assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                         ERR_OK);
        assert_true(desk_world_becomes_asked(w, &w->asked.signs, i + 1));
        order_desk_signed(w->desk, issuance.id, span_of(wrong[i]));
        assert_true(desk_world_issuances_land(w));
        assert_int_equal(store_certificate_by_id(w->f->session, w->f->arena, issuance.id,
                                                 &row, &w->f->why),
                         ERR_NOT_FOUND);
        assert_non_null(desk_world_order_of(w, order->id)->error);
    }
}

/* S-ORD-5 */
static void a_refusal_fails_the_order(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
    order_desk_refused(w->desk, issuance.id, "{\"type\":\"x\"}");
    assert_true(desk_world_issuances_land(w));
    const struct store_order *now = desk_world_order_of(w, order->id);
    assert_string_equal(now->error, "{\"type\":\"x\"}");
    assert_null(now->issuance);
    assert_int_equal(order_state_order(now, clock_now()), ORDER_INVALID);
}

static void nothing_is_signed_that_could_not_be_stored(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);

    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    store_fixture_fill_disk(w->f);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_fixture_settle(w->f), ERR_STORE);
    assert_true(desk_world_issuances_land(w));
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 0);
    store_fixture_free_disk();
    /* the order is as it was, and can be finalized */
    assert_null(desk_world_order_of(w, order->id)->issuance);
    issuance = desk_world_issuance_of(order, 1);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
}

static void answers_are_recorded_later(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    const struct store_order *other = store_fixture_order(w->f, w->account, "b.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);

    assert_int_equal(desk_world_validate(w, other->authzs), ERR_OK);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    store_fixture_fill_disk(w->f);
    order_desk_verdict(w->desk, other->authzs[0].id, true, NULL, "[]");
    order_desk_signed(w->desk, issuance.id, span_of(CERTIFICATE));
    for (int i = 0; i < 20; i++) { /* in vain */
        order_desk_record_again(w->desk);
        (void)usleep(5000);
    }
    assert_int_equal(desk_world_authz_of(w, other->authzs[0].id)->verdict,
                     STORE_VERDICT_NONE);
    order_desk_ask_again(w->desk, true, true); /* they are answered */
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
    store_fixture_free_disk();
    int64_t until = clock_monotonic_us() + PATIENCE_US;
    while ((flight_count(order_desk_validations(w->desk)) > 0 ||
            flight_count(order_desk_issuances(w->desk)) > 0) &&
           clock_monotonic_us() < until) {
        order_desk_record_again(w->desk);
        (void)usleep(5000);
    }
    assert_int_equal(desk_world_authz_of(w, other->authzs[0].id)->verdict,
                     STORE_VERDICT_VALID);
    assert_true(desk_world_order_of(w, order->id)->issuance->finished);
    order_desk_record_again(w->desk); /* nothing is left */
}

static void a_verdict_is_not_for_the_next_of_that_number(void **state)
{
    struct world *w = *state;

    store_fixture_fill_disk(w->f);
    const struct store_order *mine = store_fixture_order(w->f, w->account, "mine.test");
    int64_t id = mine->authzs[0].id; /* not read again: its batch may be undone by now */
    assert_int_equal(desk_world_validate(w, mine->authzs), ERR_OK);
    assert_int_equal(store_fixture_settle(w->f), ERR_STORE);
    store_fixture_free_disk();
    const struct store_order *yours = store_fixture_order(w->f, w->account, "yours.test");
    assert_int_equal(yours->authzs[0].id, id);
    assert_int_equal(store_fixture_settle(w->f), ERR_OK);
    order_desk_verdict(w->desk, id, true, NULL, "[]");
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, id)->verdict, STORE_VERDICT_NONE);
    /* and can be validated itself */
    assert_int_equal(desk_world_validate(w, desk_world_authz_of(w, id)), ERR_OK);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 2);
    assert_string_equal(w->asked.identifier, "yours.test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_proof_that_ends),
        TEST(a_bad_verdict_is_kept_with_its_reason),
        TEST(troubles_add_up),
        TEST(a_verdict_that_comes_second_changes_nothing),
        TEST(a_signature_becomes_a_certificate),
        TEST(another_certificate_fails_the_order),
        TEST(a_refusal_fails_the_order),
        TEST(nothing_is_signed_that_could_not_be_stored),
        TEST(answers_are_recorded_later),
        TEST(a_verdict_is_not_for_the_next_of_that_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
