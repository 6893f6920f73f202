/* Tests of server/order/order_desk: what is asked, and when it is asked again. */
#include "desk_world.h"

#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "server/order/order_state.h"

static void a_check_is_asked_once(void **state)
{
    struct world *w = *state;
    const struct store_authz *authz =
        store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_int_equal(w->asked.check_ids[0], authz->id);
    assert_string_equal(w->asked.identifier, "a.test");
    const char *token = order_state_token(w->f->arena, authz, CHALLENGE_HTTP_01);
    assert_string_equal(w->asked.token, token);
    assert_int_equal(strlen(token), 43);
    assert_memory_equal(w->asked.authorization, token, 43);
    assert_int_equal(w->asked.authorization[43], '.');
    order_desk_verdict(w->desk, authz->id, true, NULL, "[{}]");
    order_desk_verdict(w->desk, authz->id, false, "{}", "[]"); /* comes too late */
    order_desk_verdict(w->desk, 999, true, NULL, "[]");        /* nobody asked */
    assert_true(desk_world_validations_land(w));
    assert_int_equal(desk_world_authz_of(w, authz->id)->verdict, STORE_VERDICT_VALID);
    assert_non_null(strstr(desk_world_authz_of(w, authz->id)->record, "\"steps\":[{}]"));
    assert_null(desk_world_authz_of(w, authz->id)->error);
}

/* The second of two challenges of one authorization is refused while the first is being
 * checked: who waited for it would else put on record that it was begun, and the verdict
 * about the first would be lost. */
static void another_challenge_meanwhile(void **state)
{
    struct world *w = *state;
    struct store_authz *authz = store_fixture_order(w->f, w->account, "a.test")->authzs;

    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    assert_int_equal(desk_world_validate_by(w, authz, CHALLENGE_DNS_01), ERR_CONFLICT);
    assert_non_null(strstr(w->f->why.detail, "http-01 challenge is being checked"));
    assert_int_equal(desk_world_validate(w, authz), ERR_OK);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    order_desk_verdict(w->desk, authz->id, true, NULL, "[]");
    assert_true(desk_world_validations_land(w));
    /* begun before a restart, and not taken up again yet */
    authz = store_fixture_order(w->f, w->account, "b.test")->authzs;
    authz->attempt_type = CHALLENGE_DNS_01;
    authz->attempt_begun = 1;
    assert_int_equal(desk_world_validate(w, authz), ERR_CONFLICT);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_int_equal(desk_world_validate_by(w, authz, CHALLENGE_DNS_01), ERR_OK);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 2);
}

static void questions_are_asked_again(void **state)
{
    struct world *w = *state;
    struct store_order *orders[3];

    for (size_t i = 0; i < 3; i++) {
        orders[i] = i == 0 ? store_fixture_proved_order(w->f, w->account, "a.test")
                           : store_fixture_order(w->f, w->account, "a.test");
        assert_int_equal(desk_world_validate(w, orders[i]->authzs), ERR_OK);
    }
    struct store_issuance issuance = desk_world_issuance_of(orders[0], 1);
    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
    order_desk_verdict(w->desk, orders[1]->authzs[0].id, true, NULL, "[]");
    order_desk_ask_again(w->desk, true, false);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 3 + 2); /* one is answered */
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
    order_desk_ask_again(w->desk, false, true);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 5);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 2);
    assert_int_equal(w->asked.sign_ids[1], issuance.id);
    assert_string_equal(w->asked.tbs, TBS);
}

static void count(void *argument)
{
    ++*(int *)argument;
}

static void an_issuance_is_noted_where_it_is_kept(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);
    struct store_issuance second = desk_world_issuance_of(order, 2);
    int times = 0;

    assert_int_equal(order_desk_issue_noted(w->desk, w->f->session, &issuance, count,
                                            &times, &w->f->why),
                     ERR_OK);
    assert_int_equal(times, 1);
    assert_int_equal(order_desk_issue_noted(w->desk, w->f->session, &second, count,
                                            &times, &w->f->why),
                     ERR_CONFLICT);
    assert_int_equal(times, 1); /* what is not begun has no such line */
}

static void set_away(struct world *w, bool away)
{
    pthread_mutex_lock(&w->asked.lock);
    w->asked.away = away;
    pthread_mutex_unlock(&w->asked.lock);
}

static void questions_that_cannot_be_sent_wait(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
    set_away(w, true);
    assert_int_equal(desk_world_validate(w, order->authzs), ERR_OK);
    order_desk_ask_postponed(w->desk);
    order_desk_ask_again(w->desk, true, true);
    set_away(w, false);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 0);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
    order_desk_ask_postponed(w->desk);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 2);
    order_desk_ask_postponed(w->desk); /* each was sent, so none is sent again */
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 2);
}

static void a_signer_that_cannot_is_asked_later(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, 1));
    order_desk_postpone(w->desk, 999); /* nobody asked */
    for (size_t i = 2; i < 5; i++) {
        order_desk_postpone(w->desk, issuance.id);
        order_desk_postpone(w->desk, issuance.id);
        order_desk_ask_postponed(w->desk);
        assert_int_equal(desk_world_asked(w, &w->asked.signs), i);
    }
    order_desk_postpone(w->desk, issuance.id);
    order_desk_signed(w->desk, issuance.id, span_of(CERTIFICATE));
    assert_true(desk_world_issuances_land(w));
    order_desk_ask_postponed(w->desk);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 4);
}

static void there_is_a_limit(void **state)
{
    struct world *w = *state;
    struct store_authz authz = {.identifier = {0, "a.test"}};

    for (authz.id = 1; authz.id <= ORDER_DESK_CHECKS_MAX; authz.id++)
        assert_int_equal(desk_world_validate(w, &authz), ERR_OK);
    w->f->why.retry_after_seconds = 0;
    assert_int_equal(desk_world_validate(w, &authz), ERR_UNAVAILABLE);
    assert_int_equal(w->f->why.retry_after_seconds, 5);
}

static void what_was_begun_is_taken_up(void **state)
{
    struct world *w = *state;
    const struct store_order *checked = store_fixture_order(w->f, w->account, "a.test");
    const struct store_order *signing =
        store_fixture_proved_order(w->f, w->account, "b.test");
    const struct store_order *done = store_fixture_order(w->f, w->account, "c.test");
    struct store_issuance issuance = desk_world_issuance_of(signing, 1);
    const char *token =
        order_state_token(w->f->arena, checked->authzs, CHALLENGE_HTTP_01);

    assert_int_equal(store_attempt_begin(w->f->session, checked->authzs[0].id,
                                         CHALLENGE_HTTP_01, 5, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_begin(w->f->session, done->authzs[0].id,
                                         CHALLENGE_HTTP_01, 5, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_attempt_finish(w->f->session, done->authzs[0].id,
                                          CHALLENGE_HTTP_01, STORE_VERDICT_VALID, NULL,
                                          "[]", 5, &w->f->why),
                     ERR_OK);
    assert_int_equal(store_issuance_begin(w->f->session, &issuance, &w->f->why), ERR_OK);
    desk_world_close_desk(w);
    store_fixture_close(w->f);
    store_fixture_open(w->f);
    desk_world_open_desk(w);
    store_session_begin(w->f->session);
    assert_int_equal(order_desk_recover(w->desk, w->f->session, &w->settings, &w->f->why),
                     ERR_OK);
    assert_int_equal(desk_world_asked(w, &w->asked.checks), 1);
    assert_int_equal(w->asked.check_ids[0], checked->authzs[0].id);
    assert_string_equal(w->asked.token, token);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 1);
    assert_int_equal(w->asked.sign_ids[0], issuance.id);
    assert_string_equal(w->asked.tbs, TBS);
    order_desk_verdict(w->desk, checked->authzs[0].id, true, NULL, "[]");
    order_desk_signed(w->desk, issuance.id, span_of(CERTIFICATE));
    assert_true(desk_world_validations_land(w));
    assert_true(desk_world_issuances_land(w));
    assert_int_equal(desk_world_authz_of(w, checked->authzs[0].id)->verdict,
                     STORE_VERDICT_VALID);
    assert_true(desk_world_order_of(w, signing->id)->issuance->finished);
}

static void revoke_now(struct world *w, const struct store_issuance *issuance)
{
    const struct store_revocation now = {clock_now(), STORE_REASON_NONE};

    assert_int_equal(store_revoke(w->f->session, issuance, &now, false, NULL, &w->f->why),
                     ERR_OK);
}

static void assert_revoked(struct world *w, const struct store_order *order)
{
    const struct store_order *row = desk_world_order_of(w, order->id);

    assert_null(row->issuance);
    assert_non_null(row->error);
    assert_non_null(strstr(row->error, "was revoked while it was being signed"));
}

static struct store_issuance issue(struct world *w, const struct store_order *order,
                                   uint8_t mark)
{
    struct store_issuance issuance = desk_world_issuance_of(order, mark);

    assert_int_equal(order_desk_issue(w->desk, w->f->session, &issuance, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_becomes_asked(w, &w->asked.signs, mark));
    return issuance;
}

/* While there is no signer, and while it signs; others are not touched. */
static void what_was_revoked_is_given_up(void **state)
{
    struct world *w = *state;
    const struct store_order *gone =
        store_fixture_proved_order(w->f, w->account, "a.test");
    const struct store_order *late =
        store_fixture_proved_order(w->f, w->account, "b.test");
    const struct store_order *good =
        store_fixture_proved_order(w->f, w->account, "c.test");
    const struct store_issuance first = issue(w, gone, 1);
    const struct store_issuance second = issue(w, late, 2);
    const struct store_issuance third = issue(w, good, 3);

    revoke_now(w, &first);
    order_desk_give_up_revoked(w->desk, w->f->session);
    order_desk_ask_again(w->desk, false, true);
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 3 + 2);
    assert_int_not_equal(w->asked.sign_ids[3], first.id);
    assert_int_not_equal(w->asked.sign_ids[4], first.id);
    order_desk_signed(w->desk, first.id, span_of(CERTIFICATE)); /* of the one before */
    revoke_now(w, &second);
    order_desk_signed(w->desk, second.id, span_of(CERTIFICATE));
    order_desk_signed(w->desk, third.id, span_of(CERTIFICATE));
    assert_true(desk_world_issuances_land(w));
    assert_revoked(w, gone);
    assert_revoked(w, late);
    assert_true(desk_world_order_of(w, good->id)->issuance->finished);
}

static void what_was_revoked_is_not_taken_up(void **state)
{
    struct world *w = *state;
    const struct store_order *order =
        store_fixture_proved_order(w->f, w->account, "a.test");
    struct store_issuance issuance = desk_world_issuance_of(order, 1);

    assert_int_equal(store_issuance_begin(w->f->session, &issuance, &w->f->why), ERR_OK);
    revoke_now(w, &issuance);
    desk_world_close_desk(w);
    store_fixture_close(w->f);
    store_fixture_open(w->f);
    desk_world_open_desk(w);
    store_session_begin(w->f->session);
    assert_int_equal(order_desk_recover(w->desk, w->f->session, &w->settings, &w->f->why),
                     ERR_OK);
    assert_true(desk_world_issuances_land(w));
    assert_int_equal(desk_world_asked(w, &w->asked.signs), 0);
    assert_revoked(w, order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_check_is_asked_once),
        TEST(another_challenge_meanwhile),
        TEST(questions_are_asked_again),
        TEST(an_issuance_is_noted_where_it_is_kept),
        TEST(questions_that_cannot_be_sent_wait),
        TEST(a_signer_that_cannot_is_asked_later),
        TEST(there_is_a_limit),
        TEST(what_was_begun_is_taken_up),
        TEST(what_was_revoked_is_given_up),
        TEST(what_was_revoked_is_not_taken_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
